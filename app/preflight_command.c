/*
 * Printing what the host lacks, for people and for programs.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "preflight_command.h"

#include "plan.h"
#include "preflight.h"
#include "say.h"
#include "settings.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>

static const char *const words[] = {
	[PREFLIGHT_OK] = "ok",
	[PREFLIGHT_WARNING] = "warning",
	[PREFLIGHT_MISSING] = "missing",
};

static void
print_text(const struct preflight *preflight)
{
	const unsigned missing = preflight_count(preflight, PREFLIGHT_MISSING);
	const unsigned warnings = preflight_count(preflight, PREFLIGHT_WARNING);

	for (unsigned i = 0; i < preflight->count; i++) {
		const struct preflight_finding *finding = &preflight->findings[i];

		printf("%-8s %s: %s\n", words[finding->verdict], finding->subject, finding->text);
		if (finding->remedy[0] != '\0')
			printf("%-8s   %s\n", "", finding->remedy);
	}
	printf("%u missing, %u warning%s\n", missing, warnings, warnings == 1 ? "" : "s");
}

static bool
print_json(const struct preflight *preflight)
{
	json_t *list = json_array();
	json_t *document;
	char *text;

	for (unsigned i = 0; i < preflight->count; i++) {
		const struct preflight_finding *finding = &preflight->findings[i];

		json_array_append_new(list,
			json_pack("{ss ss ss ss*}", "verdict", words[finding->verdict], "subject",
				finding->subject, "text", finding->text, "remedy",
				finding->remedy[0] != '\0' ? finding->remedy : NULL));
	}
	document = json_pack("{si si so}", "missing",
		(int)preflight_count(preflight, PREFLIGHT_MISSING), "warnings",
		(int)preflight_count(preflight, PREFLIGHT_WARNING), "findings", list);
	text = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	if (text != NULL)
		puts(text);
	free(text);
	return text != NULL;
}

int
preflight_command(int argc, char *argv[])
{
	const struct gl_log log = say_stderr(GL_LOG_WARNING);
	struct preflight preflight;
	struct settings settings;
	struct plan plan;
	bool fine = settings_load(&settings, OPTION_OF_PREFLIGHT, argc, argv, &log) == 0;

	if (!fine) {
		settings_fini(&settings);
		return 1;
	}
	/* Also where the files are wrong, which has been said: the host is another matter. */
	fine = plan_make(&plan, &settings, &log) == 0;
	if (fine && plan.tunnel_count > 0)
		fine = plan_find_underlay(&plan, &log) == 0;
	preflight_check(&preflight, &plan, "");
	if (settings_flag(&settings, OPTION_JSON))
		fine = print_json(&preflight) && fine;
	else
		print_text(&preflight);
	fine = fine && preflight_count(&preflight, PREFLIGHT_MISSING) == 0;
	plan_fini(&plan);
	settings_fini(&settings);
	return fine && fflush(stdout) == 0 ? 0 : 1;
}
