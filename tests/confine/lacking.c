/*
 * lacking.c - a kernel that lacks something, or systemd's SystemCallFilter=.
 *
 *	lacking landlock|seccomp|both COMMAND..
 *	lacking FILE COMMAND..
 *
 * Runs the command with the system calls of that feature answered ENOSYS, as by
 * a kernel that was built without; or with all but those whose names are in the
 * file answered EPERM, as systemd does.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
without(scmp_filter_ctx filter, const char *what)
{
	static const int calls[] = {SCMP_SYS(landlock_create_ruleset),
	    SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self),
	    SCMP_SYS(seccomp)};
	int from = strcmp(what, "seccomp") == 0 ? 3 : 0;
	int to = strcmp(what, "landlock") == 0 ? 3 : 4, failed = 0;

	for (int i = from; i < to; i++)
		failed |= seccomp_rule_add(
		    filter, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0);
	return failed;
}

static int
only(scmp_filter_ctx filter, const char *path)
{
	FILE *file = fopen(path, "re");
	char name[80];
	int failed = file == NULL;

	while (file != NULL && fscanf(file, "%79s", name) == 1) {
		int call = seccomp_syscall_resolve_name(name);

		/* Not every architecture has every call. */
		if (call != __NR_SCMP_ERROR)
			failed |=
			    seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	}
	if (file != NULL)
		fclose(file);
	return failed;
}

int
main(int argc, char **argv)
{
	scmp_filter_ctx filter;
	bool list;

	if (argc < 3)
		return 2;
	list = strchr(argv[1], '/') != NULL;
	filter = seccomp_init(list ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
	if (filter == NULL ||
	    (list ? only(filter, argv[1]) : without(filter, argv[1])) != 0)
		return 2;
	/* Not the command's privileges: a test looks at them. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, getuid() != 0);
	if (seccomp_load(filter) != 0)
		return 2;
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
