/*
 * confine_calls.c - the system calls that are left to a process that serves
 * pages, by seccomp: confine.c.
 *
 *   call                            then
 *   in the table                    done
 *   what only an intruder makes     the process ends (SIGSYS), and is started
 *   (exec, fork, ptrace, mount ..)  again by systemd
 *   any other                       EPERM, and a line in the kernel's log
 *
 * The table is what the shop, SQLite, libpq, libfcgi and the C library have
 * been seen to need on Debian 12; where a newer C library tries a newer call
 * first, it takes EPERM for ENOSYS only rarely: add the call here.
 *
 * Memory that is written is never executed.  Only what belongs to a database
 * that may have to be connected to anew may open sockets, or load a library
 * (the C library's for finding hosts).
 */
#include "serve.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define C(name) SCMP_SYS(name)

static const int always[] = {
    /* files and what else has a descriptor */
    C(read), C(readv), C(pread64), C(preadv), C(write), C(writev), C(pwrite64),
    C(pwritev), C(lseek), C(close), C(close_range), C(dup), C(fcntl),
    C(fcntl64), C(flock), C(fsync), C(fdatasync), C(ftruncate), C(ftruncate64),
    C(fallocate), C(open), C(openat), C(unlink), C(unlinkat), C(stat),
    C(stat64), C(lstat), C(lstat64), C(fstat), C(fstat64), C(newfstatat),
    C(fstatat64), C(statx), C(access), C(faccessat), C(faccessat2), C(readlink),
    C(readlinkat), C(getdents64), C(getcwd), C(poll), C(ppoll), C(select),
    C(pselect6), C(epoll_wait), C(epoll_pwait), C(epoll_ctl),
    /* a CGI program's answer, given away */
    C(dup2), C(dup3),
    /* visitors, whom we accept; never sockets of our own */
    C(accept), C(accept4), C(shutdown), C(recvfrom), C(recvmsg), C(sendto),
    C(sendmsg), C(getsockopt), C(setsockopt), C(getsockname), C(getpeername),
    /* how full the disk is */
    C(fstatfs), C(fstatfs64),
    /* memory, threads, signals to oneself */
    C(brk), C(munmap), C(mremap), C(madvise), C(futex), C(set_robust_list),
    C(set_tid_address), C(rseq), C(sched_yield), C(sched_getaffinity),
    C(membarrier), C(gettid), C(getpid), C(getppid), C(exit), C(exit_group),
    C(rt_sigaction), C(rt_sigprocmask), C(rt_sigreturn), C(rt_sigpending),
    C(rt_sigtimedwait), C(sigaltstack), C(restart_syscall), C(sigreturn),
    /* the last seconds of a process that is to end; alarm() of some systems */
    C(alarm), C(setitimer),
    /* time, chance, and who one is */
    C(clock_gettime), C(clock_getres), C(clock_nanosleep), C(nanosleep),
    C(gettimeofday), C(time), C(getrandom), C(getuid), C(geteuid), C(getgid),
    C(getegid), C(uname), C(sysinfo), C(getrusage), C(times)};

static const int to_connect[] = {C(connect), C(bind), C(sendmmsg), C(recvmmsg),
    C(ioctl), C(statfs), C(getresuid), C(getresgid),
    C(getgroups)};

static const int deadly[] = {C(execve), C(execveat), C(fork), C(vfork),
    C(ptrace), C(process_vm_readv), C(process_vm_writev), C(pidfd_getfd),
    C(kcmp), C(init_module), C(finit_module), C(delete_module), C(kexec_load),
    C(kexec_file_load), C(bpf), C(perf_event_open), C(userfaultfd),
    C(io_uring_setup), C(io_uring_enter), C(io_uring_register), C(mount),
    C(umount2), C(pivot_root), C(chroot), C(fsopen), C(fsmount), C(move_mount),
    C(open_tree), C(setns), C(unshare)};

/* Adds a rule with up to one condition; remembers a failure. */
#define ADD(action, call, ...)                                                 \
	(failed |= seccomp_rule_add(filter, action, call, __VA_ARGS__))

static int
add_tables(scmp_filter_ctx filter, bool connects)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	int failed = 0;

	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		ADD(SCMP_ACT_ALLOW, always[i], 0);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		ADD(SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (!connects)
		return failed;
	for (size_t i = 0; i < sizeof(to_connect) / sizeof(*to_connect); i++)
		ADD(SCMP_ACT_ALLOW, to_connect[i], 0);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		ADD(SCMP_ACT_ALLOW, C(socket), 1,
		    SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)families[i]));
	return failed;
}

/* Calls whose arguments decide. */
static int
add_conditions(scmp_filter_ctx filter, bool connects)
{
	struct scmp_arg_cmp no_exec =
	    SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int failed = 0;

	/* A thread, never a process; clone3's flags cannot be seen: without it
	   the C library takes clone. */
	ADD(SCMP_ACT_ALLOW, C(clone), 1,
	    SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	ADD(SCMP_ACT_KILL_PROCESS, C(clone), 1,
	    SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	ADD(SCMP_ACT_ERRNO(ENOSYS), C(clone3), 0);
	ADD(SCMP_ACT_ALLOW, C(mprotect), 1, no_exec);
	if (connects)
		ADD(SCMP_ACT_ALLOW, C(mmap), 0);
	else
		ADD(SCMP_ACT_ALLOW, C(mmap), 1, no_exec);
	/* abort(), and nobody else's end. */
	ADD(SCMP_ACT_ALLOW, C(tgkill), 1,
	    SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)getpid()));
	/* Limits are asked for, not set. */
	ADD(SCMP_ACT_ALLOW, C(prlimit64), 1, SCMP_A2_64(SCMP_CMP_EQ, 0));
	return failed;
}

bool
confine_calls_offered(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int
confine_calls(bool connects)
{
	scmp_filter_ctx filter;
	int rc = 0;

	if (!confine_calls_offered())
		return shop_fail("no seccomp in this kernel");
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (filter == NULL)
		return shop_fail("seccomp: out of memory");
	seccomp_attr_set(
	    filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (add_tables(filter, connects) != 0 ||
	    add_conditions(filter, connects) != 0)
		rc = shop_fail("seccomp: no filter can be made");
	else if ((rc = seccomp_load(filter)) != 0)
		rc = shop_fail("seccomp: %s", strerror(-rc));
	seccomp_release(filter);
	return rc;
}
