/*
 * What a mistyped name was probably meant to be.
 * On the packet's way: nowhere.
 * Threads: any; no state but the caller's.
 */
#pragma once

/* Names are offered one by one; `name` is the nearest of them so far, NULL if none is near. */
struct nearest {
	const char *text;
	const char *name;
	unsigned distance;
};

/* nearest_to starts looking for what `text` was meant to be. It stays the caller's. */
struct nearest nearest_to(const char *text);

/*
 * nearest_offer takes `name` if it is nearer than those before: by how many characters must be
 * inserted, removed, changed or swapped with their neighbour, capitals counting as small letters.
 * Up to a third of the name may be wrong; beyond that, likeness is chance.
 */
void nearest_offer(struct nearest *nearest, const char *name);
