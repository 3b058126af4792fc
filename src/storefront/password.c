/*
 * password.c - passwords as libsodium keeps them: argon2id, of which one costs
 * 64 MiB and about a tenth of a second.
 *
 * Promises: at most HASHES at once in a process, so that a flood of log-ins
 * takes neither its memory nor all of its threads: WAITERS wait for WAIT_MS,
 * all others are told at once that it is busy.  A check against no hash takes
 * as long as one against a hash.  Neither password nor hash is kept or logged.
 *
 * Does not wipe what it was given: a form's arena is (http.c), a hash is the
 * caller's.  Where each request is a process of its own (plain CGI), the web
 * server's limit of processes is the only one.
 */
#include "storefront.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define HASHES 2
#define WAITERS 2
#define WAIT_MS 1000
#define OPS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE

/* Nobody's: made with OPS and MEMORY of what was then thrown away. */
static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$"
                             "KhkbBwaoGvuUG5yZP3pBOQ$"
                             "PCO6q3u1cTZJwGDxioJUKmcP8b8vmafPelyXuB4E8tg";

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t free;
	int taken, waiting;
} slots = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .free = PTHREAD_COND_INITIALIZER};

static bool
slot_take(void)
{
	struct timespec until;
	int over = 0;
	bool mine;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_MS % 1000 * 1000000L;
	until.tv_sec += WAIT_MS / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&slots.mutex);
	if (slots.taken >= HASHES && slots.waiting < WAITERS) {
		slots.waiting++;
		while (slots.taken >= HASHES && over == 0)
			over = pthread_cond_clockwait(
			    &slots.free, &slots.mutex, CLOCK_MONOTONIC, &until);
		slots.waiting--;
	}
	mine = slots.taken < HASHES;
	slots.taken += mine;
	pthread_mutex_unlock(&slots.mutex);
	return mine;
}

static void
slot_give(void)
{
	pthread_mutex_lock(&slots.mutex);
	slots.taken--;
	pthread_cond_signal(&slots.free);
	pthread_mutex_unlock(&slots.mutex);
}

const char *
password_why_not(const char *password)
{
	size_t n = strlen(password);

	if (n == 0)
		return "Please choose a password";
	if (n < PASSWORD_MIN)
		return "Please choose one of at least 8 characters";
	return n > PASSWORD_MAX ? "This is too long" : NULL;
}

const char *
password_nobody(void)
{
	return nobody;
}

enum password
password_hash(const char *password, char hash[PASSWORD_HASH])
{
	int failed;

	if (!slot_take())
		return PASSWORD_BUSY;
	failed =
	    crypto_pwhash_str(hash, password, strlen(password), OPS, MEMORY);
	slot_give();
	if (failed != 0) {
		shop_fail("out of memory for a password");
		return PASSWORD_FAILED;
	}
	return PASSWORD_GOOD;
}

enum password
password_check(const char *password, const char *hash)
{
	size_t n = strlen(password);
	int wrong;

	/* It can be nobody's, and need not be hashed to know that. */
	if (n < PASSWORD_MIN || n > PASSWORD_MAX)
		return PASSWORD_WRONG;
	if (!slot_take())
		return PASSWORD_BUSY;
	wrong =
	    crypto_pwhash_str_verify(hash != NULL ? hash : nobody, password, n);
	slot_give();
	return wrong != 0 || hash == NULL ? PASSWORD_WRONG : PASSWORD_GOOD;
}

bool
password_old(const char *hash)
{
	return crypto_pwhash_str_needs_rehash(hash, OPS, MEMORY) != 0;
}
