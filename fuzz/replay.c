/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeats inputs without a fuzzer: replay PATH..., each a file or a directory of files, in the order
 * of their names. Fails when there is none; a broken invariant ends it by a signal, the name printed.
 */
#include <dirent.h>

#include "fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)

static unsigned count;

/* 0, or -1: it is no file. */
static int replay_file(const char *path)
{
	/* As large as the input, so that a sanitizer sees the first byte beyond. */
	uint8_t *bytes = malloc(INPUT_MAX), *exact;
	FILE *file = fopen(path, "rb");
	size_t length = file != NULL && bytes != NULL ? fread(bytes, 1, INPUT_MAX, file) : 0;
	int error = file == NULL || ferror(file) ? -1 : 0;

	if (file != NULL)
		fclose(file);
	if (error == 0) {
		exact = malloc(length > 0 ? length : 1);
		HOLDS(exact != NULL);
		memcpy(exact, bytes, length);
		fprintf(stderr, "%s\n", path);
		LLVMFuzzerTestOneInput(exact, length);
		free(exact);
		count++;
	}
	free(bytes);
	return error;
}

static void replay_directory(const char *path)
{
	struct dirent **entries;
	int found = scandir(path, &entries, NULL, alphasort);

	for (int i = 0; i < found; i++) {
		char name[4096];

		snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			HOLDS(replay_file(name) == 0);
		free(entries[i]);
	}
	if (found >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay_file(argv[i]) < 0)
			replay_directory(argv[i]);
	printf("%u inputs replayed\n", count);
	return count > 0 ? 0 : 1;
}
