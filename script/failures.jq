# SPDX-License-Identifier: Apache-2.0
# Of meson's testlog.json: each test that failed, with the last lines that it printed. $build names the build.
select(.result != "OK" and .result != "SKIP")
| "== \($build): \(.name): \(.result), \(.duration // 0 | round) s",
  ((.stdout // "") + (.stderr // "") | split("\n") | .[-60:][])
