/*
 * confine.c - what a process that serves pages may still do, should somebody
 * take it over by a fault in it: what the shop needs, and no more.
 *
 *   what                        by        left
 *   files                       landlock  the database's, scratch.c's directory
 *   TCP                         landlock  none; PostgreSQL's port
 *   abstract sockets, signals   landlock  its own
 *   system calls                seccomp   confine_calls.c's table
 *   its memory, for others      prctl     root's
 *   core files                  setrlimit none
 *
 * All that is opened at the start (secret, log, listening socket, the database)
 * stays open, so nothing of it need be opened again; but the templates, which
 * SIGHUP reads anew, and PostgreSQL's connection, which leaves such a process
 * more: db_needs().
 *
 * Promises: never keeps the shop from serving: what the kernel lacks is done
 * without, and said once in the log.  STOREFRONT_CONFINE=off leaves all of it
 * out, for debuggers.  So do sanitizers and valgrind, who need what is
 * forbidden here.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of newer kernels than Debian's headers know: linux/landlock.h. */
struct ruleset {
	uint64_t files, net, scoped;
};
struct port_rule {
	/* cppcheck-suppress unusedStructMember ; the kernel reads it */
	uint64_t allowed, port;
};
#define RULE_PORT 2 /* LANDLOCK_RULE_NET_PORT */
#define FILE_TRUNCATE (1ULL << 14)
#define FILE_IOCTL_DEV (1ULL << 15)
#define NET_BIND (1ULL << 0)
#define NET_CONNECT (1ULL << 1)
#define SCOPED_ALL 3ULL /* abstract sockets, signals */

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                 \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
	    FILE_TRUNCATE)
#define MAKES                                                                  \
	(WRITES | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* What may be allowed of something that is no directory. */
#define OF_A_FILE (LANDLOCK_ACCESS_FS_EXECUTE | WRITES | FILE_IOCTL_DEV)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER true
#elif defined(__has_feature)
#define SANITIZER                                                              \
	(__has_feature(address_sanitizer) ||                                   \
	    __has_feature(thread_sanitizer) ||                                 \
	    __has_feature(memory_sanitizer))
#else
#define SANITIZER false
#endif

/* Why nothing is done; NULL if there is no reason. */
static const char *
excuse(const struct settings *settings)
{
	const char *preload = getenv("LD_PRELOAD");

	if (settings->confine != NULL && strcmp(settings->confine, "off") == 0)
		return "STOREFRONT_CONFINE is off";
	if (SANITIZER)
		return "this is a sanitizer build";
	if (preload != NULL && strstr(preload, "/vgpreload_") != NULL)
		return "this is valgrind";
	return NULL;
}

void
confine_memory(const struct settings *settings)
{
	if (excuse(settings) != NULL)
		return;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* --------------------------------------------------------------- landlock */

/* Its version; 0 if the kernel has none. */
static int
landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

/* All that this version can forbid, and we know of. */
static struct ruleset
all_of(int version)
{
	struct ruleset all = {.files = (1ULL << 13) - 1};

	if (version >= 2)
		all.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		all.files |= FILE_TRUNCATE;
	if (version >= 4)
		all.net = NET_BIND | NET_CONNECT;
	if (version >= 5)
		all.files |= FILE_IOCTL_DEV;
	if (version >= 6)
		all.scoped = SCOPED_ALL;
	return all;
}

struct box {
	struct ruleset all;
	int fd;
	int error; /* of what could not be made or added */
	bool connects;
};

static void
allow_fd(struct box *box, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {
	    .allowed_access = rights & box->all.files,
	    .parent_fd = fd,
	};

	if (box->fd >= 0 && syscall(SYS_landlock_add_rule, box->fd,
	                        LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		box->error = errno;
}

/* What is not there need not be allowed. */
static void
allow_path(struct box *box, const char *path, uint64_t rights)
{
	int fd = *path != '\0' ? open(path, O_PATH | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0)
		allow_fd(
		    box, fd, S_ISDIR(st.st_mode) ? rights : rights & OF_A_FILE);
	close(fd);
}

static void
allow_port(struct box *box, const char *port)
{
	struct port_rule rule = {NET_CONNECT, (uint64_t)num(port)};

	box->connects = true;
	if (box->fd >= 0 && box->all.net != 0 && rule.port > 0 &&
	    syscall(SYS_landlock_add_rule, box->fd, RULE_PORT, &rule, 0) != 0)
		box->error = errno;
}

static void
allow_need(void *arg, enum need kind, const char *what)
{
	switch (kind) {
	case DB_READS:
		allow_path(arg, what, READS);
		break;
	case DB_WRITES:
		allow_path(arg, what, WRITES);
		break;
	case DB_FOLDER:
		allow_path(arg, what,
		    LANDLOCK_ACCESS_FS_READ_DIR |
		        LANDLOCK_ACCESS_FS_REMOVE_FILE);
		break;
	case DB_CONNECTS:
		allow_port(arg, what);
		break;
	}
}

static void
allow_all(struct box *box, struct db *db, const char *templates,
    const struct listener *listener)
{
	char path[sizeof(listener->path)];
	int scratch = scratch_folder();

	db_needs(db, allow_need, box);
	if (scratch >= 0)
		allow_fd(box, scratch, MAKES);
	allow_path(box, "/dev/urandom", LANDLOCK_ACCESS_FS_READ_FILE);
	allow_path(box, templates, READS); /* read anew at SIGHUP */
	if (listener != NULL && *listener->path != '\0') {
		memcpy(path, listener->path, sizeof(path));
		allow_path(box, dirname(path), LANDLOCK_ACCESS_FS_REMOVE_FILE);
	}
}

/* -1 with shop_error(): all is as it was.  *${connects} says whether the
 * database needs new connections. */
static int
landlock(struct db *db, const char *templates, const struct listener *listener,
    int version, bool *connects)
{
	struct box box = {.all = all_of(version), .fd = -1};
	int result = -1;

	if (version > 0)
		box.fd = (int)syscall(
		    SYS_landlock_create_ruleset, &box.all, sizeof(box.all), 0);
	if (box.fd < 0)
		box.error = errno;
	allow_all(&box, db, templates, listener);
	*connects = box.connects;
	if (version == 0)
		shop_fail("no landlock in this kernel: Linux has it from 5.13 "
		          "on, if lsm= names it");
	else if (box.error != 0)
		shop_fail("landlock: %s", strerror(box.error));
	else if (syscall(SYS_landlock_restrict_self, box.fd, 0) != 0)
		shop_fail("landlock: %s", strerror(errno));
	else
		result = 0;
	if (box.fd >= 0)
		close(box.fd);
	return result;
}

/* ------------------------------------------------------------------- all of it
 */

void
confine(const struct settings *settings, struct db *db,
    const struct listener *listener, bool quiet)
{
	const char *why = excuse(settings);
	char missing[2][256] = {"", ""};
	bool connects = true;

	if (why != NULL) {
		if (!quiet)
			shop_log_at(LOG_WARNING, "not confined: %s", why);
		return;
	}
	tzset(); /* strftime() reads the time zone's file when first used */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock(db, settings->templates, listener, landlock_version(),
	        &connects) != 0)
		snprintf(missing[0], sizeof(missing[0]), "%s", shop_error());
	if (confine_calls(connects) != 0)
		snprintf(missing[1], sizeof(missing[1]), "%s", shop_error());
	if (quiet)
		return;
	for (int i = 0; i < 2; i++)
		if (*missing[i] != '\0')
			shop_log_at(LOG_WARNING,
			    "not confined as it could be: %s", missing[i]);
	if (*missing[0] == '\0' || *missing[1] == '\0')
		shop_log("confined by%s%s%s",
		    *missing[0] == '\0' ? " landlock" : "",
		    *missing[0] == '\0' && *missing[1] == '\0' ? " and" : "",
		    *missing[1] == '\0' ? " seccomp" : "");
}

int
confine_report(FILE *out)
{
	int version = landlock_version(), missing = 0;

	if (version > 0)
		fprintf(out, "ok    landlock, version %d\n", version);
	else
		missing += fprintf(out, "note  no landlock in this kernel: "
		                        "Linux has it from 5.13 on, if lsm= "
		                        "names it\n") > 0;
	if (confine_calls_offered())
		fprintf(out, "ok    seccomp\n");
	else
		missing +=
		    fprintf(out, "note  no seccomp in this kernel\n") > 0;
	return missing;
}
