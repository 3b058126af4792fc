/*
 * status_metrics.c - the operator's figures for Prometheus.
 *
 * Promises: text format 0.0.4; a name, once there, keeps its meaning; nothing
 * personal, and no text of anybody's in a label.
 */
#include "status.h"

#include <inttypes.h>

static int64_t
since(const struct figures *f, int64_t then)
{
	return then != 0 && f->now > then ? f->now - then : 0;
}

void
status_metrics(const struct figures *f, struct text *out)
{
	const struct klaviyo_status *s = &f->outbox;
	const struct {
		const char *name, *type, *help, *label;
		int64_t value;
	} row[] = {
	    {"klaviyo_outbox_events", "gauge",
	        "Events in the outbox, by state.", "{state=\"waiting\"}",
	        s->waiting},
	    {"klaviyo_outbox_events", NULL, NULL, "{state=\"claimed\"}",
	        s->claimed},
	    {"klaviyo_outbox_events", NULL, NULL, "{state=\"sent\"}", s->sent},
	    {"klaviyo_outbox_events", NULL, NULL, "{state=\"dead\"}", s->dead},
	    {"klaviyo_outbox_events", NULL, NULL, "{state=\"dropped\"}",
	        s->dropped},
	    {"klaviyo_outbox_refused_total", "counter",
	        "Events never queued, because the outbox was full.", "",
	        s->refused},
	    {"klaviyo_outbox_oldest_age_seconds", "gauge",
	        "Age of the oldest unsent event; 0 = none.",
	        "{lane=\"realtime\"}", since(f, s->oldest_realtime)},
	    {"klaviyo_outbox_oldest_age_seconds", NULL, NULL, "{lane=\"all\"}",
	        since(f, s->oldest)},
	    {"klaviyo_outbox_sent_last_minute", "gauge",
	        "Events delivered in the last 60 seconds.", "", s->sent_minute},
	    {"klaviyo_outbox_last_sent_timestamp_seconds", "gauge",
	        "Unix time of the last delivery; 0 = none.", "", s->last_sent},
	    {"klaviyo_outbox_pause_seconds", "gauge",
	        "For how long the queue still pauses; 0 = it does not.", "",
	        s->paused_until != 0 ? s->paused_until - f->now : 0},
	    {"klaviyo_sender_up", "gauge", "1 while a worker holds the lease.",
	        "", *s->sender != '\0'},
	    {"klaviyo_sender_heartbeat_age_seconds", "gauge",
	        "Since its last sign of life.", "", since(f, s->heartbeat)},
	    {"storefront_orders_without_events", "gauge",
	        "Orders of the last 30 days that have no Placed Order event; "
	        "1000 = or more.",
	        "", f->order_count},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (row[i].help != NULL)
			text_printf(out, "# HELP %s %s\n# TYPE %s %s\n",
			    row[i].name, row[i].help, row[i].name, row[i].type);
		text_printf(out, "%s%s %" PRId64 "\n", row[i].name,
		    row[i].label, row[i].value);
	}
	text_add(out, "# HELP storefront_build_info The version that runs.\n"
	              "# TYPE storefront_build_info gauge\n"
	              "storefront_build_info{version=\"" VERSION "\"} 1\n");
}
