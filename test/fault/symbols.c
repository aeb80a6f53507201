/* SPDX-License-Identifier: Apache-2.0 */
/* Names for call sites, from this program's own symbol table: they are the same in every build. */
#include "test/fault/fault.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFFSET_MASK ((UINT64_C(1) << 48) - 1)

static const uint8_t *image;
static const ElfW(Sym) *symbols;
static size_t symbols_count;
static const char *names;

static void load(void)
{
	struct stat st;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (image == MAP_FAILED)
		return;
	const ElfW(Ehdr) *header = (const void *)image;
	const ElfW(Shdr) *sections = (const void *)(image + header->e_shoff);
	for (unsigned i = 0; i < header->e_shnum; i++) {
		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		symbols = (const void *)(image + sections[i].sh_offset);
		symbols_count = sections[i].sh_size / sizeof *symbols;
		names = (const char *)image + sections[sections[i].sh_link].sh_offset;
	}
}

/* The address before the one a call returns to lies in the caller. */
static const ElfW(Sym) *caller(uint64_t key)
{
	uint64_t at = (key & OFFSET_MASK) - 1;

	if (!image)
		load();
	for (size_t i = 0; i < symbols_count; i++)
		if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC && at >= symbols[i].st_value &&
		    at < symbols[i].st_value + symbols[i].st_size)
			return &symbols[i];
	return NULL;
}

void fault_site_text(const struct fault_run *run, uint64_t key, char *text, size_t size)
{
	if (fault_function_of(key) == FAULT_NONE) {
		snprintf(text, size, "%s", fault_kind_names[key & OFFSET_MASK]);
		return;
	}
	const ElfW(Sym) *in = caller(key);
	unsigned before = 0;

	/* Among the sites seen that call the same function from the same one. */
	for (unsigned i = 0; in && i < FAULT_SITES_MOST; i++) {
		uint64_t other = run->sites[i].key;

		before += other >> 48 == key >> 48 && other < key && caller(other) == in;
	}
	snprintf(text, size, "%s@%s#%u", fault_functions[key >> 48].name,
		 in ? names + in->st_name : "?", before + 1);
}
