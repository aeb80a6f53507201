/* SPDX-License-Identifier: Apache-2.0 */
/* Wrappers: files, directories, streams of the C library, and what the host is asked about its networks. */
#include "test/fault/wrap.h"

#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

WRAP(int, chmod, const char *path, mode_t mode)
{
	int error = DUE(chmod);

	return error ? failed(error) : chmod(path, mode);
}

WRAP(int, link, const char *from, const char *to)
{
	int error = DUE(link);

	return error ? failed(error) : link(from, to);
}

WRAP(int, lstat64, const char *path, struct stat *st)
{
	int error = DUE(lstat64);

	return error ? failed(error) : lstat(path, st);
}

WRAP(int, fstat64, int fd, struct stat *st)
{
	int error = DUE(fstat64);

	return error ? failed(error) : fstat(fd, st);
}

WRAP(int, mkdir, const char *path, mode_t mode)
{
	int error = DUE(mkdir);

	return error ? failed(error) : mkdir(path, mode);
}

WRAP(char *, mkdtemp, char *path)
{
	int error = DUE(mkdtemp);

	if (error) {
		errno = error;
		return NULL;
	}
	return mkdtemp(path);
}

WRAP(int, open64, const char *path, int flags, ...)
{
	int error = DUE(open64);
	va_list arguments;

	va_start(arguments, flags);
	mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return error ? failed(error) : open(path, flags, mode);
}

WRAP(DIR *, opendir, const char *path)
{
	int error = DUE(opendir);

	if (error) {
		errno = error;
		return NULL;
	}
	return opendir(path);
}

WRAP(struct dirent *, readdir64, DIR *directory)
{
	int error = DUE(readdir64);

	if (error) {
		errno = error;
		return NULL;
	}
	return readdir(directory);
}

WRAP(int, rename, const char *from, const char *to)
{
	int error = DUE(rename);

	return error ? failed(error) : rename(from, to);
}

WRAP(int, rmdir, const char *path)
{
	int error = DUE(rmdir);

	return error ? failed(error) : rmdir(path);
}

WRAP(int, unlink, const char *path)
{
	int error = DUE(unlink);

	return error ? failed(error) : unlink(path);
}

WRAP(int, inotify_init1, int flags)
{
	int error = DUE(inotify_init1);

	return error ? failed(error) : inotify_init1(flags);
}

WRAP(int, inotify_add_watch, int fd, const char *path, uint32_t mask)
{
	int error = DUE(inotify_add_watch);

	return error ? failed(error) : inotify_add_watch(fd, path, mask);
}

WRAP(ssize_t, getrandom, void *bytes, size_t length, unsigned flags)
{
	int error = DUE(getrandom);

	if (error == FAULT_SHORT)
		length = length > 1 ? length / 2 : length;
	else if (error)
		return failed(error);
	return getrandom(bytes, length, flags);
}

/* --- streams --- */

/* As when the stream's memory cannot grow: that stays known to it. */
static int broken(FILE *stream, int error)
{
	stream->_flags |= 0x20;         /* what ferror looks at */
	errno = error;
	return EOF;
}

WRAP(FILE *, fopen64, const char *path, const char *mode)
{
	int error = DUE(fopen64);

	if (error) {
		errno = error;
		return NULL;
	}
	return fopen(path, mode);
}

WRAP(FILE *, open_memstream, char **text, size_t *length)
{
	int error = DUE(open_memstream);

	if (error) {
		errno = error;
		return NULL;
	}
	return open_memstream(text, length);
}

WRAP(int, fclose, FILE *stream)
{
	int error = DUE(fclose);
	int result = fclose(stream);

	return error ? failed(error) : result;
}

WRAP(int, fflush, FILE *stream)
{
	int error = DUE(fflush);

	return error ? broken(stream, error) : fflush(stream);
}

WRAP(char *, fgets, char *line, int size, FILE *stream)
{
	int error = DUE(fgets);

	if (error) {
		broken(stream, error);
		return NULL;
	}
	return fgets(line, size, stream);
}

WRAP(int, fprintf, FILE *stream, const char *format, ...)
{
	int error = DUE(fprintf), result;
	va_list arguments;

	if (error)
		return broken(stream, error);
	va_start(arguments, format);
	result = vfprintf(stream, format, arguments);
	va_end(arguments);
	return result;
}

WRAP(int, __fprintf_chk, FILE *stream, int flag, const char *format, ...)
{
	int error = DUE(fprintf), result;
	va_list arguments;

	(void)flag;
	if (error)
		return broken(stream, error);
	va_start(arguments, format);
	result = vfprintf(stream, format, arguments);
	va_end(arguments);
	return result;
}

WRAP(char *, __fgets_chk, char *line, size_t room, int size, FILE *stream)
{
	int error = DUE(fgets);

	if (error || (size_t)size > room) {
		broken(stream, error);
		return NULL;
	}
	return fgets(line, size, stream);
}

WRAP(int, fputc, int c, FILE *stream)
{
	int error = DUE(fputc);

	return error ? broken(stream, error) : fputc(c, stream);
}

WRAP(int, fputs, const char *text, FILE *stream)
{
	int error = DUE(fputs);

	return error ? broken(stream, error) : fputs(text, stream);
}

WRAP(size_t, fwrite, const void *bytes, size_t size, size_t count, FILE *stream)
{
	int error = DUE(fwrite);

	if (error) {
		broken(stream, error);
		return 0;
	}
	return fwrite(bytes, size, count, stream);
}

/* --- networks --- */

/* "peer.test" is the name that scenarios look up: no test asks a name server. */
WRAP(int, getaddrinfo, const char *host, const char *service, const struct addrinfo *hints,
     struct addrinfo **out)
{
	int error = DUE(getaddrinfo);
	struct addrinfo numeric = *hints;

	switch (error) {
	case 0:
		if (strcmp(host, "peer.test") != 0)
			return getaddrinfo(host, service, hints, out);
		numeric.ai_flags = AI_NUMERICHOST;
		return getaddrinfo("127.0.0.1", service, &numeric, out);
	case ENOMEM:
		return EAI_MEMORY;
	case EAGAIN:
		return EAI_AGAIN;
	case EHOSTUNREACH:
		return EAI_NONAME;
	default:
		errno = error;
		return EAI_SYSTEM;
	}
}

WRAP(int, getifaddrs, struct ifaddrs **out)
{
	int error = DUE(getifaddrs);

	return error ? failed(error) : getifaddrs(out);
}

WRAP(char *, if_indextoname, unsigned index, char *name)
{
	int error = DUE(if_indextoname);

	if (error) {
		errno = error;
		return NULL;
	}
	return if_indextoname(index, name);
}

WRAP(unsigned, if_nametoindex, const char *name)
{
	int error = DUE(if_nametoindex);

	if (error) {
		errno = error;
		return 0;
	}
	return if_nametoindex(name);
}
