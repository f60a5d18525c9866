/*
 * Ports: what all of their kinds have in common.
 * On the packet's way: both ends of it.
 * Threads: closing by management, with no lane running.
 */
#include "net/port.h"

void
port_close(struct port *port)
{
	if (port != NULL)
		port->ops->close(port);
}
