/*
 * Telling the service manager how far we are, if it has asked for that (sd_notify(3)).
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

/* notify sends a state such as "READY=1" to the socket in NOTIFY_SOCKET, if there is one. */
void notify(const char *state);
