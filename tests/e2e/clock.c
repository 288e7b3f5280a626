/*
 * Preloaded into the program, so that it believes to run at another time: FAKE_CLOCK_AHEAD_MS milliseconds ahead.
 *
 * Only the time of day is moved; the monotonic clock is left alone, as it would be on another day. libfaketime does the
 * same and more, but its waits on conditions do not fit those of librdkafka, which then never wakes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000LL

static void move(struct timespec *ts, long long ms) {
    long long ns = ts->tv_nsec + ms % 1000 * 1000000;
    ts->tv_sec += ms / 1000 + (ns >= BILLION) - (ns < 0);
    ts->tv_nsec = (ns + BILLION) % BILLION;
}

static long long ahead_ms(void) {
    const char *text = getenv("FAKE_CLOCK_AHEAD_MS");
    return text ? atoll(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts) {
    int failed = (int)syscall(SYS_clock_gettime, clock, ts);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        move(ts, ahead_ms());
    }
    return failed;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    struct timespec ts;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (out) {
        *out = ts.tv_sec;
    }
    return ts.tv_sec;
}

/* The end of a wait was reckoned on the moved clock, and the kernel waits on its own. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict end) {
    struct timespec real = *end;
    move(&real, -ahead_ms());
    return pthread_cond_clockwait(cond, mutex, CLOCK_REALTIME, &real);
}

/* The same for C11's names, which librdkafka uses; in glibc they are the same objects. */
int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict end) {
    switch (pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, end)) {
    case 0:
        return thrd_success;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}
