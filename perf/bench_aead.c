/*
 * What sealing and opening cost per packet, in cycles of the TSC: guardlane's backends and rivals.
 * On the packet's way: the AEAD alone, packets as in the second cache.
 * Threads: one, pinned.
 *
 * In each cell of the matrix all subjects take turns, batch by batch, on packets of their own
 * buffers and nonces; the cell's figures are the minimum and the median. A cell takes at least two
 * slices of time, and more until no minimum has moved by more than one in a hundred in the last
 * one, but not more than SLICES_MAX: what noise there is lets it take longer, whoever it hits. IMIX
 * is seven packets of 64 bytes, four of 576 and one of 1424; a batch begins at each of the twelve
 * in turn, and the figure is the mean over where it began. Batches of fewer than 32 are measured
 * several in a row, 32 packets in all: a CPU's TSC may count in steps of 26.
 */
#include "aead_rivals.h"

#include "base/random.h"
#include "crypto/aead.h"
#include "crypto/x25519.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#define IMIX (-1)
#define IMIX_LEN 12
#define KEYS_MAX 512
#define SUBJECTS_MAX 16
#define ROUNDS_MAX 3000
#define ROUNDS_LEAST 40
#define VALUES_MAX 64
#define SLICES_MAX 5
/* What "auto" may take longer than the best backend. */
#define AUTO_LIMIT 1.05
/* Packets in a row of batches that are measured together. */
#define RUN 32
/* No two packets at the same place of a page. */
#define STRIDE (AEAD_LEN_MAX + 512 + 64)

struct values {
	int value[VALUES_MAX];
	unsigned count;
};

struct options {
	struct values bytes;
	struct values batches;
	struct values keys;
	const char *op; /* NULL: both */
	const char *only; /* backends, separated by commas; NULL: all */
	const char *json;
	double seconds; /* per slice of a cell */
	bool calls; /* each of a family's calls on a line of its own */
	bool avx2_only;
	bool cold;
};

struct cell {
	bool open;
	int bytes;
	unsigned batch;
	unsigned keys;
};

struct result {
	double least;
	double tenth; /* a tenth of the samples took less */
	double median;
};

/* How "auto" did against the best backend in the cells so far. */
struct verdict {
	unsigned cells;
	unsigned over; /* cells in which it was beyond AUTO_LIMIT */
	double worst;
	struct cell where;
};

struct bench {
	const struct options *options;
	struct rival subjects[SUBJECTS_MAX];
	unsigned subject_count;
	uint8_t *work;
	uint8_t *sealed;
	uint8_t keys[KEYS_MAX][AEAD_KEY_LEN];
	uint32_t *cycles; /* per subject, start and round */
	unsigned next_key;
	uint64_t next_counter;
	struct verdict verdict;
	FILE *json;
	bool json_begun;
};

static const uint16_t imix[IMIX_LEN] = {64, 576, 64, 64, 1424, 64, 576, 64, 576, 64, 64, 576};

static void
fail(const char *what)
{
	fprintf(stderr, "bench_aead: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
own_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	return aead_seal(context, packets, count);
}

static uint64_t
own_open(void *context, const struct aead_packet packets[], unsigned count)
{
	return aead_open(context, packets, count);
}

static bool
wanted(const struct options *options, const char *family)
{
	const size_t len = strlen(family);

	for (const char *at = options->only; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, family, len) == 0 && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return options->only == NULL;
}

/* Our backend ipsec-mb is one more of the calls of that family. */
static void
subjects_create(struct bench *bench)
{
	struct rival rivals[RIVALS_MAX];
	unsigned count = rivals_create(rivals, bench->options->avx2_only);

	if (count == 0)
		exit(1);
	for (const char *const *name = aead_backends(); *name != NULL; name++) {
		struct aead *aead;

		/* Ours takes whatever the CPU has. */
		if (!wanted(bench->options, *name) ||
			(bench->options->avx2_only && strcmp(*name, "avx2") != 0 &&
				strcmp(*name, "sodium") != 0))
			continue;
		aead = aead_create(*name);
		if (aead == NULL && errno == ENOTSUP)
			continue;
		if (aead == NULL)
			fail(*name);
		bench->subjects[bench->subject_count++] = (struct rival){
			.family = *name,
			.call = strcmp(*name, "ipsec-mb") == 0 ? "backend" : "",
			.seal = own_seal,
			.open = own_open,
			.context = aead,
		};
	}
	for (unsigned i = 0; i < count; i++)
		if (wanted(bench->options, rivals[i].family))
			bench->subjects[bench->subject_count++] = rivals[i];
}

/* Of all batches that are measured in a row. */
static unsigned
packet_count(const struct cell *cell)
{
	return cell->batch < RUN ? RUN / cell->batch * cell->batch : cell->batch;
}

static uint32_t
packet_len(const struct cell *cell, unsigned i)
{
	return cell->bytes == IMIX ? imix[i % IMIX_LEN] : (uint32_t)cell->bytes;
}

/* The packets of a batch, the first one being the cell's packet number `start`. */
static void
batch_make(struct bench *bench, const struct cell *cell, unsigned start,
	struct aead_packet packets[AEAD_BATCH_MAX])
{
	for (unsigned i = 0; i < packet_count(cell); i++) {
		packets[i] = (struct aead_packet){
			.data = bench->work + (size_t)i * STRIDE,
			.key = bench->keys[bench->next_key++ % cell->keys],
			.counter = bench->next_counter++,
			.len = packet_len(cell, start + i),
		};
	}
}

static void
demand_all(const struct rival *subject, uint64_t good, unsigned count)
{
	if (good == (count < AEAD_BATCH_MAX ? (UINT64_C(1) << count) - 1 : UINT64_MAX))
		return;
	errno = EBADMSG;
	fail(subject->family);
}

/* For opening, what is to be opened; made by the first subject, checked by all others. */
static void
sealed_make(struct bench *bench, const struct cell *cell, const struct aead_packet packets[])
{
	const struct rival *first = &bench->subjects[0];
	const unsigned count = packet_count(cell);

	demand_all(first, first->seal(first->context, packets, count), count);
	for (unsigned i = 0; i < count; i++)
		memcpy(bench->sealed + (size_t)i * STRIDE, packets[i].data,
			packets[i].len + AEAD_TAG_LEN);
}

static void
sealed_load(struct bench *bench, const struct cell *cell, const struct aead_packet packets[])
{
	for (unsigned i = 0; i < packet_count(cell); i++)
		memcpy(packets[i].data, bench->sealed + (size_t)i * STRIDE,
			packets[i].len + AEAD_TAG_LEN);
}

static void
packets_flush(const struct cell *cell, const struct aead_packet packets[])
{
	for (unsigned i = 0; i < packet_count(cell); i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): all are made */
		for (uint32_t at = 0; at < packets[i].len + AEAD_TAG_LEN; at += 64)
			_mm_clflush(packets[i].data + at);
	_mm_mfence();
}

static inline uint64_t
cycles_now(void)
{
	uint64_t now;

	_mm_lfence();
	now = __rdtsc();
	_mm_lfence();
	return now;
}

static uint32_t
measure(const struct rival *subject, const struct cell *cell, const struct aead_packet packets[])
{
	const unsigned count = packet_count(cell);
	uint64_t good = 0;
	uint64_t begin = cycles_now();
	uint64_t end;

	for (unsigned i = 0; i < count; i += cell->batch)
		good |= (cell->open ? subject->open(subject->context, packets + i, cell->batch)
				    : subject->seal(subject->context, packets + i, cell->batch))
			<< i;
	end = cycles_now();
	demand_all(subject, good, count);
	return end - begin < UINT32_MAX ? (uint32_t)(end - begin) : UINT32_MAX;
}

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t *
samples_of(const struct bench *bench, unsigned subject, unsigned start)
{
	return bench->cycles + ((size_t)subject * IMIX_LEN + start) * ROUNDS_MAX;
}

static int
compare_cycles(const void *a, const void *b)
{
	const uint32_t left = *(const uint32_t *)a;
	const uint32_t right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* Whoever runs after its like finds code and branches warm: nobody always runs after the same. */
static void
shuffle(unsigned order[SUBJECTS_MAX], unsigned count, uint64_t seed)
{
	for (unsigned i = 0; i < count; i++) {
		const unsigned other = (unsigned)(seed >> 33) % (i + 1);

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		order[i] = order[other];
		order[other] = i;
	}
}

static void
cell_round(struct bench *bench, const struct cell *cell, unsigned start, unsigned round)
{
	struct aead_packet packets[AEAD_BATCH_MAX];
	unsigned order[SUBJECTS_MAX] = {0};

	batch_make(bench, cell, start, packets);
	if (cell->open)
		sealed_make(bench, cell, packets);
	shuffle(order, bench->subject_count, bench->next_counter * UINT64_C(0x9e3779b97f4a7c15));
	for (unsigned i = 0; i < bench->subject_count; i++) {
		const unsigned subject = order[i];

		if (cell->open)
			sealed_load(bench, cell, packets);
		if (bench->options->cold)
			packets_flush(cell, packets);
		samples_of(bench, subject, start)[round] =
			measure(&bench->subjects[subject], cell, packets);
	}
}

/* Minima and medians of the rounds so far. Sorting samples of the same start changes nothing. */
static void
results_of(struct bench *bench, const struct cell *cell, unsigned rounds,
	struct result results[SUBJECTS_MAX])
{
	const unsigned starts = cell->bytes == IMIX ? IMIX_LEN : 1;
	const double per = (double)packet_count(cell) * starts;
	const unsigned tenth = rounds / 10;
	const unsigned middle = rounds / 2;

	for (unsigned i = 0; i < bench->subject_count; i++) {
		results[i] = (struct result){0};
		for (unsigned start = 0; start < starts; start++) {
			uint32_t *samples = samples_of(bench, i, start);

			qsort(samples, rounds, sizeof(*samples), compare_cycles);
			results[i].least += samples[0] / per;
			results[i].tenth += samples[tenth] / per;
			results[i].median += samples[middle] / per;
		}
	}
}

static bool
settled(const struct bench *bench, const struct result before[], const struct result now[])
{
	for (unsigned i = 0; i < bench->subject_count; i++)
		if (now[i].least < before[i].least * 0.99)
			return false;
	return true;
}

static void
cell_run(struct bench *bench, const struct cell *cell, struct result results[SUBJECTS_MAX])
{
	const unsigned starts = cell->bytes == IMIX ? IMIX_LEN : 1;
	struct result before[SUBJECTS_MAX];
	unsigned rounds = 0;

	for (unsigned slice = 0; slice < SLICES_MAX && rounds < ROUNDS_MAX; slice++) {
		const double end = seconds_now() + bench->options->seconds;
		unsigned least = rounds + ROUNDS_LEAST / 2;

		while (rounds < ROUNDS_MAX && (rounds < least || seconds_now() < end)) {
			for (unsigned start = 0; start < starts; start++)
				cell_round(bench, cell, start, rounds);
			rounds++;
		}
		memcpy(before, results, sizeof(before));
		results_of(bench, cell, rounds, results);
		if (slice > 0 && settled(bench, before, results))
			break;
	}
}

static void
print_cell(struct bench *bench, const struct cell *cell, const struct rival *subject,
	const char *call, const struct result *result, double rival, double to_best)
{
	char bytes[16];

	snprintf(bytes, sizeof(bytes), "%d", cell->bytes);
	printf("%-5s %6s %5u %4u  %-9s %-13s %9.1f %9.1f", cell->open ? "open" : "seal",
		cell->bytes == IMIX ? "imix" : bytes, cell->batch, cell->keys, subject->family,
		call, result->least, result->median);
	if (rival > 0)
		printf(" %7.2f", rival / result->least);
	if (to_best > 0)
		printf(" %7.3f%s", to_best, to_best > AUTO_LIMIT ? " !" : "");
	printf("\n");
	if (bench->json == NULL)
		return;
	fprintf(bench->json,
		"%s\n{\"bench\":\"aead\",\"backend\":\"%s\",\"call\":\"%s\",\"op\":\"%s\","
		"\"bytes\":%d,\"batch\":%u,\"keys\":%u,\"cycles_per_packet\":%.1f,"
		"\"cycles_median\":%.1f",
		bench->json_begun ? "," : "", subject->family, call, cell->open ? "open" : "seal",
		cell->bytes, cell->batch, cell->keys, result->least, result->median);
	if (to_best > 0)
		fprintf(bench->json, ",\"to_best\":%.3f", to_best);
	fprintf(bench->json, "}");
	bench->json_begun = true;
}

/* The first one, where two are as fast. */
static bool
best_of_family(const struct bench *bench, const struct result results[], unsigned subject)
{
	const char *family = bench->subjects[subject].family;
	unsigned best = subject;

	for (unsigned i = bench->subject_count; i-- > 0;)
		if (strcmp(bench->subjects[i].family, family) == 0 &&
			results[i].least <= results[best].least)
			best = i;
	return best == subject;
}

/*
 * How many times the cycles of the best backend a subject takes if it is "auto"; else 0. The best
 * backend is any but itself and OpenSSL, which is none, with any of its calls. By the tenth of the
 * samples: where keys and data come from beyond the first cache one least sample is luck, by 10 %.
 */
static double
to_best(const struct bench *bench, const struct result results[], unsigned subject)
{
	double best = 0;

	if (strcmp(bench->subjects[subject].family, "auto") != 0)
		return 0;
	for (unsigned i = 0; i < bench->subject_count; i++)
		if (i != subject && strcmp(bench->subjects[i].family, "openssl") != 0 &&
			(best == 0 || results[i].tenth < best))
			best = results[i].tenth;
	return best > 0 ? results[subject].tenth / best : 0;
}

static void
verdict_add(struct verdict *verdict, const struct cell *cell, double ratio)
{
	verdict->cells++;
	verdict->over += ratio > AUTO_LIMIT;
	if (ratio > verdict->worst) {
		verdict->worst = ratio;
		verdict->where = *cell;
	}
}

static void
verdict_print(const struct verdict *verdict)
{
	const struct cell *where = &verdict->where;

	if (verdict->cells > 0)
		printf("auto: at worst %.3f times the best backend's cycles (%s, %d bytes, batch "
		       "%u, keys %u); above %.2f in %u of %u cells\n",
			verdict->worst, where->open ? "open" : "seal", where->bytes, where->batch,
			where->keys, AUTO_LIMIT, verdict->over, verdict->cells);
}

/* Of each family the fastest call, or with --calls all of them. */
static void
cell_print(struct bench *bench, const struct cell *cell, const struct result results[])
{
	double rival = 0;

	for (unsigned i = 0; i < bench->subject_count; i++)
		if (strcmp(bench->subjects[i].family, "ipsec-mb") == 0 &&
			(rival == 0 || results[i].least < rival))
			rival = results[i].least;
	for (unsigned i = 0; i < bench->subject_count; i++) {
		const struct rival *subject = &bench->subjects[i];
		const double ratio = to_best(bench, results, i);

		if (ratio > 0)
			verdict_add(&bench->verdict, cell, ratio);
		if (bench->options->calls || best_of_family(bench, results, i))
			print_cell(bench, cell, subject, subject->call, &results[i], rival, ratio);
	}
	fflush(stdout);
}

/* The first line of /proc/cpuinfo that begins with `what`, after the colon. */
static void
cpu_line(FILE *to, const char *what)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[4096];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, what, strlen(what)) != 0 || colon == NULL)
			continue;
		line[strcspn(line, "\n")] = '\0';
		fprintf(to, "%s", colon[1] == ' ' ? colon + 2 : colon + 1);
		break;
	}
	if (file != NULL)
		fclose(file);
}

static void
json_begin(struct bench *bench)
{
	char *versions = rivals_versions();
	char commit[64] = "";
	/* NOLINTNEXTLINE(cert-env33-c): a command of our own */
	FILE *git = popen("git -C '" SOURCE_DIR "' describe --always --dirty 2>/dev/null", "re");
	const char *path = bench->options->json;

	if (git != NULL && fgets(commit, sizeof(commit), git) != NULL)
		commit[strcspn(commit, "\n")] = '\0';
	if (git != NULL)
		pclose(git);
	bench->json = fopen(path, "we");
	if (bench->json == NULL)
		fail(path);
	fprintf(bench->json, "{\"machine\":{\"cpu\":\"");
	cpu_line(bench->json, "model name");
	fprintf(bench->json, "\",\"flags\":\"");
	cpu_line(bench->json, "flags");
	fprintf(bench->json, "\"},\"versions\":\"%s\",\"commit\":\"%s\",\"results\":[",
		versions != NULL ? versions : "", commit);
	free(versions);
}

static void
json_end(struct bench *bench)
{
	fprintf(bench->json, "\n]}\n");
	if (fclose(bench->json) != 0)
		fail(bench->options->json);
}

static void
matrix(struct bench *bench)
{
	const struct options *options = bench->options;
	struct result results[SUBJECTS_MAX] = {0};

	printf("%-5s %6s %5s %4s  %-9s %-13s %9s %9s %7s %7s\n", "op", "bytes", "batch", "keys",
		"backend", "call", "cycles", "median", "times", "to best");
	for (int open = 0; open < 2; open++) {
		if (options->op != NULL && strcmp(options->op, open ? "open" : "seal") != 0)
			continue;
		for (unsigned k = 0; k < options->keys.count; k++)
			for (unsigned b = 0; b < options->bytes.count; b++)
				for (unsigned n = 0; n < options->batches.count; n++) {
					const struct cell cell = {
						.open = open,
						.bytes = options->bytes.value[b],
						.batch = (unsigned)options->batches.value[n],
						.keys = (unsigned)options->keys.value[k],
					};

					cell_run(bench, &cell, results);
					cell_print(bench, &cell, results);
				}
	}
}

static struct values
values_of(const char *text, int least, int most)
{
	struct values values = {0};

	while (*text != '\0' && values.count < VALUES_MAX) {
		char *end = (char *)text + 4;
		long value = IMIX;

		if (strncmp(text, "imix", 4) != 0)
			value = strtol(text, &end, 10);
		if (end == text || value < least || value > most || (*end != ',' && *end != '\0')) {
			fprintf(stderr, "bench_aead: '%s': numbers from %d to %d, please\n", text,
				least, most);
			exit(2);
		}
		values.value[values.count++] = (int)value;
		text = *end == ',' ? end + 1 : end;
	}
	return values;
}

static _Noreturn void
usage(int status)
{
	fprintf(status == 0 ? stdout : stderr,
		"usage: bench_aead [--bytes LIST] [--batches LIST] [--keys LIST] [--op seal|open]\n"
		"         [--backends LIST] [--calls] [--avx2-only] [--cold] [--full]\n"
		"         [--json FILE]\n"
		"--calls      each call of intel-ipsec-mb, not only the best one\n"
		"--avx2-only  intel-ipsec-mb as on a CPU without AVX-512\n"
		"--cold       packets that are in no cache\n"
		"--full       more sizes and batches, more time for each (about an hour)\n"
		"times: how many times as fast as the best call of intel-ipsec-mb\n"
		"to best: how many times the cycles of the best backend auto takes\n");
	exit(status);
}

static struct options
options_parse(int argc, char *argv[])
{
	static const struct option table[] = {{"bytes", required_argument, NULL, 'b'},
		{"batches", required_argument, NULL, 'n'}, {"keys", required_argument, NULL, 'k'},
		{"op", required_argument, NULL, 'o'}, {"backends", required_argument, NULL, 'B'},
		{"json", required_argument, NULL, 'j'}, {"calls", no_argument, NULL, 'c'},
		{"avx2-only", no_argument, NULL, 'a'}, {"cold", no_argument, NULL, 'C'},
		{"full", no_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *bytes = NULL;
	const char *batches = NULL;
	const char *keys = "1,512";
	struct options options = {.seconds = 0.3};
	bool full = false;
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 'b':
			bytes = optarg;
			break;
		case 'n':
			batches = optarg;
			break;
		case 'k':
			keys = optarg;
			break;
		case 'o':
			options.op = optarg;
			break;
		case 'B':
			options.only = optarg;
			break;
		case 'j':
			options.json = optarg;
			break;
		case 'c':
			options.calls = true;
			break;
		case 'a':
			options.avx2_only = true;
			break;
		case 'C':
			options.cold = true;
			break;
		case 'f':
			full = true;
			break;
		case 'h':
			usage(0);
		default:
			usage(2);
		}
	}
	if (optind != argc)
		usage(2);
	if (full)
		options.seconds = 1;
	if (bytes == NULL)
		bytes = full ? "0,16,48,64,80,128,192,256,384,512,576,768,1024,1280,1424,2048,4096,"
			       "8960,imix"
			     : "0,16,64,128,256,512,1024,1280,1424,8960,imix";
	if (batches == NULL)
		batches = full ? "1,2,3,4,5,6,7,8,10,12,16,20,24,31,32,33,40,48,64"
			       : "1,2,4,8,16,32,64";
	options.bytes = values_of(bytes, IMIX, AEAD_LEN_MAX);
	options.batches = values_of(batches, 1, AEAD_BATCH_MAX);
	options.keys = values_of(keys, 1, KEYS_MAX);
	return options;
}

static void
pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fail("pinning");
}

int
main(int argc, char *argv[])
{
	const struct options options = options_parse(argc, argv);
	struct bench bench = {.options = &options};

	if (crypto_init() != 0)
		fail("libsodium");
	pin();
	bench.work = calloc(AEAD_BATCH_MAX, STRIDE);
	bench.sealed = calloc(AEAD_BATCH_MAX, STRIDE);
	bench.cycles = calloc((size_t)SUBJECTS_MAX * IMIX_LEN * ROUNDS_MAX, sizeof(*bench.cycles));
	if (bench.work == NULL || bench.sealed == NULL || bench.cycles == NULL ||
		random_fill(bench.keys, sizeof(bench.keys)) != 0)
		fail("memory");
	/*
	 * A masked load or store that touches a page which is not there yet, though none of its
	 * bytes, takes a thousand cycles. No packet buffer in use lies beside such pages.
	 */
	memset(bench.work, 1, (size_t)AEAD_BATCH_MAX * STRIDE);
	subjects_create(&bench);
	if (options.json != NULL)
		json_begin(&bench);
	matrix(&bench);
	verdict_print(&bench.verdict);
	if (options.json != NULL)
		json_end(&bench);
	return 0;
}
