/*
 * errors_are_done.c - the wrong storefront that takes every answer for yes.
 *
 * Replaces: kl_judge
 *
 * A refusal, a broken connection, no answer at all: sent.
 */
#include "api.h"

__typeof__(kl_judge) __wrap_kl_judge;

enum kl_verdict
__wrap_kl_judge(const struct kl_answer *answer)
{
	(void)answer;
	return KL_V_SENT;
}
