// SPDX-License-Identifier: MIT
/*
 * Scripts: a file that begins with "#!" names the program that is to run it, and at most one
 * argument, which goes to the end of the line (execve(2), "Interpreter scripts").
 */
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/lib/string.h"

static char *skip_blanks(char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

int script_parse(char *line, const char **interp, const char **arg)
{
	char *end = strchr(line, '\n'), *s;

	if (end) {
		*end = '\0';
	} else {
		/* Without an end the interpreter's name at least must have one. */
		s = skip_blanks(line);
		if (!strchr(s, ' ') && !strchr(s, '\t') && strlen(line) >= EXEC_HEAD - 2)
			return -ENOEXEC;
		end = line + strlen(line);
	}
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	s = skip_blanks(line);
	if (!*s)
		return -ENOEXEC;
	*interp = s;
	*arg = NULL;
	while (*s && *s != ' ' && *s != '\t')
		s++;
	if (*s) {
		*s++ = '\0';
		*arg = skip_blanks(s);
	}
	return 0;
}
