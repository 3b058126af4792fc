/*
 * lacking.c - a kernel that lacks something.
 *
 *	lacking landlock|seccomp|both COMMAND..
 *
 * Runs the command with the system calls of that feature answered ENOSYS, as by
 * a kernel that was built without.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	static const int calls[] = {SCMP_SYS(landlock_create_ruleset),
	    SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self),
	    SCMP_SYS(seccomp)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int from, to;

	if (argc < 3 || filter == NULL)
		return 2;
	from = strcmp(argv[1], "seccomp") == 0 ? 3 : 0;
	to = strcmp(argv[1], "landlock") == 0 ? 3 : 4;
	for (int i = from; i < to; i++)
		if (seccomp_rule_add(
		        filter, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0) != 0)
			return 2;
	/* Not the command's privileges: a test looks at them. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, getuid() != 0);
	if (seccomp_load(filter) != 0)
		return 2;
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
