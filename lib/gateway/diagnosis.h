/*
 * Diagnoses: what is wrong with a peer, told from a snapshot, and what to do about it.
 * On the packet's way: nowhere.
 * Threads: any; no state.
 */
#pragma once

#include "gateway/snapshot.h"
#include "guardlane.h"

#define DIAGNOSIS_TEXT_MAX 256

struct diagnosis {
	enum gl_diagnosis kind;
	char text[DIAGNOSIS_TEXT_MAX];
	char remedy[DIAGNOSIS_TEXT_MAX];
};

/*
 * diagnosis_make finds the first of enum gl_diagnosis that holds for the peer of `tunnel`. Texts
 * are empty for GL_DIAGNOSIS_NONE. What may pass by itself, or be one packet gone astray, is no
 * diagnosis: docs/status.md has the conditions.
 */
void diagnosis_make(const struct snapshot *snapshot, const struct snapshot_tunnel *tunnel,
	const struct snapshot_peer *peer, struct diagnosis *diagnosis);
