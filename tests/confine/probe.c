/*
 * probe.c - a storefront that misbehaves: what a serving process can still do
 * after confine(), tried out one thing after the other.
 *
 *	probe		one line for each: "NAME RESULT"
 *	probe report	what confine_report() says of the kernel
 *
 * RESULT is "done", an error's name, or the signal that ended the process. Each
 * thing is tried by a process of its own that opens the shop as `storefront
 * serve` does, and is confined by the same function.  Expects nothing:
 * tests/integration/test_confine.py does.
 *
 * Environment: the storefront's settings; PROBE_KEY, a private key's file;
 * PROBE_PORT, a TCP port where somebody listens; PROBE_SOCKET, likewise a Unix
 * socket; PROBE_OUTSIDE, a directory that anybody may write to.
 */
#include "serve.h"
#include "tpl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static struct settings settings;
static struct shop shop;
/* Opened before the process is confined, as an intruder would wish. */
static int tcp = -1, local = -1, unbound = -1;
static void *page;
static pid_t parent;

/* Each of these returns -1 with errno, or something else when it is done. */
typedef long attempt(void);

static const char *
given(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL) {
		fprintf(stderr, "probe: %s is not set\n", name);
		_exit(2);
	}
	return value;
}

/* ------------------------------------------------------------ other programs
 */

static char *const true_argv[] = {(char[]){"true"}, NULL};

static long
t_exec(void)
{
	return execve("/bin/true", true_argv, environ);
}

static long
t_execveat(void)
{
	return syscall(
	    SYS_execveat, AT_FDCWD, "/bin/true", true_argv, environ, 0);
}

static long
t_fork(void)
{
	return syscall(SYS_fork);
}

static long
t_libc_fork(void)
{
	return fork();
}

static long
t_vfork(void)
{
	return syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}

static long
t_spawn(void)
{
	errno = posix_spawn(
	    &(pid_t){0}, "/bin/true", NULL, NULL, true_argv, environ);
	return errno == 0 ? 0 : -1;
}

static long
t_exec_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long
t_exec_page(void)
{
	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long
t_memfd(void)
{
	return memfd_create("x", 0);
}

/* ---------------------------------------------------------- other processes */

static long
t_ptrace(void)
{
	return ptrace(PTRACE_SEIZE, parent, NULL, NULL);
}

static long
t_read_memory(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {page, 1};

	return process_vm_readv(parent, &here, 1, &there, 1, 0);
}

static long
t_kill(void)
{
	return kill(parent, 0);
}

static long
t_tgkill(void)
{
	return syscall(SYS_tgkill, parent, parent, 0);
}

static long
t_environ_of_parent(void)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%ld/environ", (long)parent);
	return open(path, O_RDONLY);
}

static long
t_own_environ(void)
{
	return open("/proc/self/environ", O_RDONLY);
}

/* ----------------------------------------------------------------- the kernel
 */

#define CALL(name, ...)                                                        \
	static long t_##name(void)                                             \
	{                                                                      \
		return syscall(SYS_##name, __VA_ARGS__);                       \
	}
CALL(mount, "none", "/mnt", "tmpfs", 0, NULL)
CALL(umount2, "/mnt", 0)
CALL(unshare, CLONE_NEWUSER)
CALL(setns, 0, 0)
CALL(chroot, "/")
CALL(pivot_root, "/", "/")
CALL(bpf, BPF_PROG_LOAD, NULL, 0)
CALL(perf_event_open, NULL, 0, 0, -1, 0)
CALL(userfaultfd, 1)
CALL(io_uring_setup, 1, NULL)
CALL(init_module, NULL, 0, "")
CALL(kexec_load, 0, 0, NULL, 0)
CALL(keyctl, 0, -3, 0)
CALL(add_key, "user", "x", "y", 1, -3)
CALL(setuid, 0)
CALL(setresuid, -1, -1, -1)
CALL(capset, NULL, NULL)
CALL(personality, 0)
CALL(reboot, 0, 0, 0, NULL)
CALL(syslog, 3, NULL, 0)
CALL(prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0)

static long
t_core_files(void)
{
	struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_CORE, &none);
}

/* ------------------------------------------------------------------- the net
 */

#define SOCKET(name, family, type)                                             \
	static long t_socket_##name(void)                                      \
	{                                                                      \
		return socket(family, type, 0);                                \
	}
SOCKET(unix, AF_UNIX, SOCK_STREAM)
SOCKET(inet, AF_INET, SOCK_STREAM)
SOCKET(inet6, AF_INET6, SOCK_DGRAM)
SOCKET(netlink, AF_NETLINK, SOCK_RAW)
SOCKET(packet, AF_PACKET, SOCK_RAW)
SOCKET(vsock, AF_VSOCK, SOCK_STREAM)
SOCKET(alg, AF_ALG, SOCK_SEQPACKET)

static struct sockaddr_in
loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static long
t_connect_tcp(void)
{
	struct sockaddr_in there = loopback(atoi(given("PROBE_PORT")));

	return connect(tcp, (struct sockaddr *)&there, sizeof(there));
}

static long
t_connect_unix(void)
{
	struct sockaddr_un there = {.sun_family = AF_UNIX};

	strncpy(
	    there.sun_path, given("PROBE_SOCKET"), sizeof(there.sun_path) - 1);
	return connect(local, (struct sockaddr *)&there, sizeof(there));
}

static long
t_bind_tcp(void)
{
	struct sockaddr_in any = loopback(0);

	return bind(unbound, (struct sockaddr *)&any, sizeof(any));
}

static long
t_send_udp(void)
{
	struct sockaddr_in there = loopback(atoi(given("PROBE_PORT")));
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return fd < 0 ? -1
	              : sendto(fd, "x", 1, 0, (struct sockaddr *)&there,
	                    sizeof(there));
}

static long
t_find_host(void)
{
	struct addrinfo *list;

	errno = 0;
	return getaddrinfo("localhost", "1", NULL, &list) == 0 ? 0 : -1;
}

/* --------------------------------------------------------------------- files
 */

#define OPEN(name, path, flags)                                                \
	static long t_##name(void)                                             \
	{                                                                      \
		return open(path, flags, 0600);                                \
	}
static const char *
in_folder(const char *folder, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* Beside the database. */
static const char *
beside(const char *name)
{
	static char path[512];
	int folder = (int)(strrchr(settings.db, '/') - settings.db);

	snprintf(path, sizeof(path), "%.*s/%s", folder, settings.db, name);
	return path;
}

OPEN(private_key, given("PROBE_KEY"), O_RDONLY)
OPEN(secret, settings.secret_file, O_RDONLY)
OPEN(template, in_folder(settings.templates, "layout.tpl"), O_RDONLY)
OPEN(passwd, "/etc/passwd", O_RDONLY)
OPEN(root_folder, "/", O_RDONLY | O_DIRECTORY)
OPEN(tmp_folder, "/tmp", O_RDONLY | O_DIRECTORY)
OPEN(null_device, "/dev/null", O_WRONLY)
OPEN(beside, beside("new"), O_WRONLY | O_CREAT)
OPEN(outside, in_folder(given("PROBE_OUTSIDE"), "new"), O_WRONLY | O_CREAT)

static long
t_link(void)
{
	return link(given("PROBE_KEY"), beside("link"));
}

static long
t_symlink(void)
{
	return symlink(given("PROBE_KEY"), beside("link"));
}

static long
t_rename(void)
{
	return rename(given("PROBE_KEY"), beside("moved"));
}

static long
t_mkdir(void)
{
	return mkdir(beside("folder"), 0700);
}

static long
t_truncate(void)
{
	return truncate(given("PROBE_KEY"), 0);
}

static long
t_chmod(void)
{
	return chmod(given("PROBE_KEY"), 0644);
}

static long
t_remove_outside(void)
{
	return unlink(in_folder(given("PROBE_OUTSIDE"), "kept"));
}

/* ------------------------------------------------- what must be possible still
 */

static const char *
get(void *arg, const char *name)
{
	if (strcmp(name, "REQUEST_METHOD") == 0)
		return "GET";
	if (strcmp(name, "SERVER_PROTOCOL") == 0)
		return "HTTP/1.1";
	return strcmp(name, "REQUEST_URI") == 0 ||
	               strcmp(name, "DOCUMENT_URI") == 0
	           ? arg
	           : NULL;
}

static long
ask(const char *path)
{
	struct response response = {.status = 0};
	struct arena *arena = arena_new();
	struct request request;
	struct text out = {0};
	char piece[64];
	long status;

	errno = EINVAL;
	if (request_make(&request, arena, get, NULL, (void *)path) != 0)
		return -1;
	shop_handle(&shop, &request, &response);
	shop_after(&shop);
	response_cgi(&response, false, &out);
	status = response.status != 0 ? response.status : 200;
	if (response.make != NULL)
		response.make(response.make_arg, &shop, response.file, NULL,
		    NULL);
	response.make = NULL;
	if (response.file != NULL &&
	    file_body_read(response.file, 0, piece, sizeof(piece)) < 1)
		status = 0;
	response_free(&response);
	text_free(&out);
	arena_free(arena);
	errno = EPROTO; /* the answer was another */
	return status == 200 ? 0 : -1;
}

static long
t_page(void)
{
	return ask("/");
}

static long
t_feed(void)
{
	return ask("/feed/catalog.xml");
}

static long
t_write_database(void)
{
	errno = EIO;
	return db_begin(shop.db) == 0 &&
	               db_run(shop.db, NULL, NULL,
	                   "INSERT INTO meta (name, value) VALUES ('probe', "
	                   "'x') "
	                   "ON CONFLICT (name) DO UPDATE SET value = 'x'") ==
	                   1 &&
	               db_commit(shop.db) == 0
	           ? 0
	           : -1;
}

static long
t_checkpoint(void)
{
	errno = EIO;
	return t_write_database() == 0 &&
	               db_run(shop.db, NULL, NULL,
	                   "PRAGMA wal_checkpoint(TRUNCATE)") >= 0
	           ? 0
	           : -1;
}

/* A power cut takes the names that were not synced. */
static long
t_sync_folder(void)
{
	int fd = open(beside("."), O_RDONLY);

	return fd < 0 ? -1 : fsync(fd);
}

/* The server ends the session: another takes its place. */
static long
t_connect_again(void)
{
	errno = EIO;
	db_run(shop.db, NULL, NULL,
	    "SELECT pg_terminate_backend(pg_backend_pid())");
	return db_run(shop.db, NULL, NULL, "SELECT 1") == 1 ? 0 : -1;
}

static long
t_scratch(void)
{
	int fd = scratch_file();

	return fd < 0 || write(fd, "x", 1) != 1 ? -1
	                                        : pread(fd, &(char){0}, 1, 0);
}

static long
t_random(void)
{
	return open("/dev/urandom", O_RDONLY);
}

static void *
nothing(void *arg)
{
	return arg;
}

static long
t_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	return errno != 0 ? -1 : pthread_join(thread, NULL);
}

static long
t_password(void)
{
	char hash[crypto_pwhash_STRBYTES];

	return crypto_pwhash_str(hash, "secret", 6,
	    crypto_pwhash_OPSLIMIT_INTERACTIVE,
	    crypto_pwhash_MEMLIMIT_INTERACTIVE);
}

static long
t_abort(void)
{
	abort();
}

/* ---------------------------------------------------------------------- rows
 */

static const struct row {
	const char *name;
	attempt *try;
} rows[] = {
#define ROW(name)                                                              \
	{                                                                      \
#name, t_##name                                                \
	}
    ROW(exec), ROW(execveat), ROW(fork), ROW(libc_fork), ROW(vfork), ROW(spawn),
    ROW(exec_memory), ROW(exec_page), ROW(memfd), ROW(ptrace), ROW(read_memory),
    ROW(kill), ROW(tgkill), ROW(environ_of_parent), ROW(own_environ),
    ROW(mount), ROW(umount2), ROW(unshare), ROW(setns), ROW(chroot),
    ROW(pivot_root), ROW(bpf), ROW(perf_event_open), ROW(userfaultfd),
    ROW(io_uring_setup), ROW(init_module), ROW(kexec_load), ROW(keyctl),
    ROW(add_key), ROW(setuid), ROW(setresuid), ROW(capset), ROW(personality),
    ROW(reboot), ROW(syslog), ROW(prctl), ROW(core_files), ROW(socket_unix),
    ROW(socket_inet), ROW(socket_inet6), ROW(socket_netlink),
    ROW(socket_packet), ROW(socket_vsock), ROW(socket_alg), ROW(connect_tcp),
    ROW(connect_unix), ROW(bind_tcp), ROW(send_udp), ROW(find_host),
    ROW(private_key), ROW(secret), ROW(template), ROW(passwd), ROW(root_folder),
    ROW(tmp_folder), ROW(null_device), ROW(beside), ROW(outside), ROW(link),
    ROW(symlink), ROW(rename), ROW(mkdir), ROW(truncate), ROW(chmod),
    ROW(remove_outside), ROW(page), ROW(feed), ROW(write_database),
    ROW(checkpoint), ROW(sync_folder), ROW(connect_again), ROW(scratch),
    ROW(random), ROW(thread), ROW(password), ROW(abort)};

/* The shop as serve.c opens it, and no way back. */
static void
be_confined(void)
{
	confine_memory(&settings);
	if (tpl_load(settings.templates) != 0 ||
	    shop_open(&shop, &settings) != 0) {
		fprintf(stderr, "probe: %s\n", shop_error());
		_exit(2);
	}
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	unbound = socket(AF_INET, SOCK_STREAM, 0);
	local = socket(AF_UNIX, SOCK_STREAM, 0);
	confine(&settings, shop.db, NULL, true);
}

static int
run_row(const struct row *row)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		be_confined();
		errno = 0;
		_exit(row->try() != -1 ? 0 : errno != 0 ? errno : 255);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		printf("%s SIG%s\n", row->name, sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 0)
		printf("%s done\n", row->name);
	else
		printf(
		    "%s %s\n", row->name, strerrorname_np(WEXITSTATUS(status)));
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return confine_report(stdout);
	if (settings_load(&settings) != 0) {
		fprintf(stderr, "probe: %s\n", shop_error());
		return 2;
	}
	parent = getpid();
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (run_row(&rows[i]) != 0)
			return 2;
	return 0;
}
