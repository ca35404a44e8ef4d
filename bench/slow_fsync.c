/* Adds SLOW_FSYNC_US microseconds to every fsync and fdatasync: an eMMC on a machine that has none.
 * cc -shared -fPIC -O2 -o slow_fsync.so slow_fsync.c -ldl;  LD_PRELOAD=./slow_fsync.so SLOW_FSYNC_US=20000 … */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_first(void) {
    static long delay_us = -1;
    if (delay_us < 0) {
        const char *text = getenv("SLOW_FSYNC_US");
        delay_us = text ? atol(text) : 0;
    }
    if (delay_us > 0) usleep((useconds_t)delay_us);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_first();
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_first();
    return real(fd);
}
