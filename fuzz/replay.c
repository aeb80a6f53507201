/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeats inputs without a fuzzer: replay [--random COUNT] PATH..., each a file or a directory of files, in
 * the order of their names; then COUNT inputs of random bytes, the same ones each time. Fails when a path
 * holds none; a broken invariant ends it by a signal, the name printed.
 */
#include <dirent.h>

#include "fuzz/fuzz.h"

#define INPUT_MAX  ((size_t)1 << 20)
#define RANDOM_MAX 1024u

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

/* splitmix64: Steele, Lea, Flood 2014. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void replay_random(unsigned number)
{
	uint64_t state = number;
	size_t length = random_next(&state) % RANDOM_MAX;
	uint8_t *bytes = malloc(length + 1);

	HOLDS(bytes != NULL);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)random_next(&state);
	fprintf(stderr, "random input %u\n", number);
	LLVMFuzzerTestOneInput(bytes, length);
	free(bytes);
}

int main(int argc, char **argv)
{
	unsigned random_count = 0;
	int first = 1;

	if (argc > 2 && strcmp(argv[1], "--random") == 0) {
		random_count = (unsigned)strtoul(argv[2], NULL, 10);
		first = 3;
	}
	for (int i = first; i < argc; i++) {
		unsigned before = count;

		if (replay_file(argv[i]) < 0)
			replay_directory(argv[i]);
		if (count == before) {
			fprintf(stderr, "%s holds no input\n", argv[i]);
			return 1;
		}
	}
	for (unsigned i = 0; i < random_count; i++)
		replay_random(i);
	printf("%u inputs and %u random ones replayed\n", count, random_count);
	return 0;
}
