/*
 * doctor.h - what the files of `storefront doctor` say to each other:
 * commands_doctor.c looks at this machine, doctor_ask.c asks Klaviyo.
 */
#ifndef STOREFRONT_DOCTOR_H
#define STOREFRONT_DOCTOR_H

#include "storefront.h"

/* One line: "ok" or, with ${why} (a format), "WRONG"; the number of faults. */
int doctor_says(const char *what, const char *why, ...)
    __attribute__((format(printf, 2, 3)));
/* One line that is no fault. */
void doctor_notes(const char *what, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What Klaviyo says of keys, scopes and the clock; the number of faults.
   Without ${key}, a file of the private key, that has been told. */
int doctor_ask(const struct settings *settings, bool key);

#endif
