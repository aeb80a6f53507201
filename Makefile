# SPDX-License-Identifier: Apache-2.0
# A front for meson, which builds everything into build/.
.PHONY: all test install clean
all: build/build.ninja
	ninja -C build
build/build.ninja:
	meson setup build
test: all
	meson test -C build
install: all
	meson install -C build
clean:
	rm -rf build
