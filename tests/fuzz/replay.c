/*
 * replay.c - a target's main program without libFuzzer: every file named, and
 * every file of the directories named, once each.
 *
 *	replay-TARGET FILE|DIRECTORY..
 *
 * Names each input on stderr before it is run, so that what stands last is the
 * one that a report is about; says on stdout how many there were.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static int done;

static void
replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;

	if (file == NULL || fstat(fileno(file), &st) != 0) {
		perror(path);
		exit(2);
	}
	/* Of just that size: whoever reads on is seen. */
	data = malloc((size_t)st.st_size);
	if (fread(data, 1, (size_t)st.st_size, file) != (size_t)st.st_size) {
		perror(path);
		exit(2);
	}
	fclose(file);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
	done++;
}

static void
replay_all(const char *directory)
{
	struct dirent **list;
	int n = scandir(directory, &list, NULL, alphasort);

	if (n < 0) {
		perror(directory);
		exit(2);
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(
		    path, sizeof(path), "%s/%s", directory, list[i]->d_name);
		if (*list[i]->d_name != '.')
			replay(path);
		free(list[i]);
	}
	free(list);
}

int
main(int argc, char *argv[])
{
	struct stat st;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_all(argv[i]);
		else
			replay(argv[i]);
	printf("%d inputs\n", done);
	return done > 0 ? 0 : 2;
}
