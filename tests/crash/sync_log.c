/* Loaded into a server with LD_PRELOAD: writes down how much of each file was forced to the disk, so
 * that power_loss.py can take away the rest. A line is "inode size": all of the file up to `size`
 * is safe. Only what reached fsync or fdatasync counts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static void note(const struct stat *file) {
    static int log_fd = -2;
    if (log_fd == -2) {
        int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        const char *path = getenv("SYNC_LOG");
        log_fd = path ? real_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    }
    if (log_fd < 0 || !S_ISREG(file->st_mode)) return;
    char line[64];
    int length = snprintf(line, sizeof line, "%llu %llu\n", (unsigned long long)file->st_ino,
                          (unsigned long long)file->st_size);
    if (write(log_fd, line, (size_t)length) != length) _exit(99);
}

/* The size is taken before the call: what is appended meanwhile may or may not be safe. */
#define SYNC(name)                                  \
    int name(int fd) {                              \
        static int (*real)(int);                    \
        if (!real) real = dlsym(RTLD_NEXT, #name);  \
        struct stat before;                         \
        int known = fstat(fd, &before) == 0;        \
        int result = real(fd);                      \
        if (result == 0 && known) note(&before);    \
        return result;                              \
    }

/* A new file may get the inode of one that was deleted: it starts with nothing safe. */
#define OPEN(name)                                             \
    int name(const char *path, int flags, ...) {               \
        static int (*real)(const char *, int, ...);            \
        if (!real) real = dlsym(RTLD_NEXT, #name);             \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                          \
        int fd = real(path, flags, mode);                      \
        struct stat file;                                      \
        if (fd >= 0 && flags & O_CREAT && fstat(fd, &file) == 0 && file.st_size == 0) note(&file); \
        return fd;                                             \
    }

SYNC(fsync)
SYNC(fdatasync)
OPEN(open)
OPEN(open64)
