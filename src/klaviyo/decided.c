/*
 * decided.c - what a pass has decided of its claims, until that is settled: by
 * settle.c, and then counted and told to the host.
 *
 * Promises: every claim is counted once, when its row is settled or, after the
 * store failed, as released, for its lease gives it back: claimed = sent +
 * retried + dead + released + dropped.  The host is told of nothing but
 * what is committed.  A transaction that settles is over before an order waits
 * long for it; one that claims, too, is no larger than a large claim alone.
 *
 * Does not decide (outcome.c), nor say when it is time to settle (deliver.c)
 * but for a full batch, or how much is claimed (route.c).
 */
#include "deliver.h"

#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 200 }; /* so many are settled in one transaction */

static void
count(struct klaviyo_tally *tally, enum kl_outcome outcome)
{
	switch (outcome) {
	case KL_SENT:
		tally->sent++;
		break;
	case KL_RETRY:
		tally->retried++;
		break;
	case KL_DEAD:
		tally->dead++;
		break;
	case KL_RELEASE:
		tally->released++;
		break;
	case KL_DROP:
		tally->dropped++;
		break;
	}
}

/* To the host: it is committed. */
static void
tell(const struct klaviyo *klaviyo, const struct kl_settlement *s)
{
	static const enum klaviyo_outcome outcomes[] = {
	    [KL_SENT] = KLAVIYO_SENT,
	    [KL_RETRY] = KLAVIYO_RETRIED,
	    [KL_DEAD] = KLAVIYO_DEAD,
	    [KL_RELEASE] = KLAVIYO_RELEASED,
	    [KL_DROP] = KLAVIYO_DROPPED,
	};

	klaviyo->settled(klaviyo->settled_arg,
	    &(struct klaviyo_settlement){.id = s->claim->id,
	        .origin = s->claim->origin,
	        .outcome = outcomes[s->outcome],
	        .attempts =
	            s->claim->attempts - (s->outcome == KL_RELEASE ? 1 : 0),
	        .due_at = s->due_at,
	        .together = s->together,
	        .status = s->status,
	        .request_id = s->request_id});
}

/* ${n} from the ${first} on are settled, or, if the store failed, will be due
   again when their lease is over. */
static void
over(struct kl_pass *pass, size_t first, size_t n)
{
	struct kl_settlement *done = pass->klaviyo->done;

	for (size_t i = first; i < first + n; i++) {
		count(pass->tally, pass->failed ? KL_RELEASE : done[i].outcome);
		if (pass->klaviyo->settled && !pass->failed)
			tell(pass->klaviyo, &done[i]);
		kl_claims_free(done[i].claim);
		free(done[i].error);
		free(done[i].profile);
	}
}

/* In transactions that are over before an order waits long for one. */
void
kl_pass_flush(struct kl_pass *pass)
{
	struct kl_settlement *done = pass->klaviyo->done;
	bool broken = false;
	size_t n;

	for (size_t i = 0; i < pass->ndone; i += n) {
		n = pass->ndone - i < AT_ONCE ? pass->ndone - i : AT_ONCE;
		broken = broken || kl_outbox_settle(pass->store, pass->token,
		                       &done[i], n, kl_now()) < 0;
		pass->failed = pass->failed || broken;
		over(pass, i, n);
	}
	pass->ndone = 0;
	if (!pass->failed && pass->sender_changed) {
		if (kl_sender_save(pass->store, &pass->sender))
			pass->failed = true;
		pass->sender_changed = false;
	}
}

/* A transaction is a sync, during which nothing is sent: where answers come
   fast, what they decided goes with the next claim, as far as both are no more
   rows than a large claim alone. */
int
kl_pass_claim(struct kl_pass *pass, int lane, int want, struct kl_claim **list)
{
	struct kl_settlement *done = pass->klaviyo->done;
	size_t room = want < KL_BATCH ? KL_BATCH - (size_t)want : 0;
	size_t n = pass->ndone < room ? pass->ndone : room;
	int64_t now = kl_now();

	/* What goes with them is saved after they are settled. */
	if (pass->sender_changed)
		n = 0;
	if (kl_outbox_turn(pass->store, pass->token, done, n, lane, want, now,
	        now + pass->klaviyo->lease_s, list)) {
		pass->failed = true;
		return -1;
	}
	over(pass, 0, n);
	pass->ndone -= n;
	memmove(done, &done[n], pass->ndone * sizeof(*done));
	return 0;
}

void
kl_pass_note(struct kl_pass *pass, struct kl_claim *claim,
    enum kl_outcome outcome, int64_t due_at, char *error, char *profile)
{
	struct kl_settlement *s;

	claim->next = NULL;
	/* What is left to say takes the id. */
	free(claim->event);
	claim->event = NULL;
	if (!pass->ndone)
		pass->done_since = kl_monotonic_ms();
	s = &pass->klaviyo->done[pass->ndone++];
	*s = (struct kl_settlement){
	    .claim = claim,
	    .outcome = outcome,
	    .due_at = due_at,
	    .error = error,
	    .profile = profile,
	};
	/* An answer also makes the sender give back what it is not about. */
	if (pass->klaviyo->settled && pass->answer && outcome != KL_RELEASE) {
		s->status = (int)pass->answer->status;
		s->together = pass->together;
		memcpy(s->request_id, pass->answer->request_id,
		    sizeof(s->request_id));
	}
	if (pass->ndone == KL_BATCH || pass->failed)
		kl_pass_flush(pass);
}
