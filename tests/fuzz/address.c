/*
 * address.c - fuzzes the addresses that settings hold: Klaviyo's (address.c),
 * the script's (snippet.c), the database's (db_address()).
 *
 * Must hold: the key goes by https or to this machine, to the host that the
 * address names; a script's address needs no escaping in an attribute; of a
 * database's address the password is never shown, wherever it stands and
 * whatever is in it.
 */
#include "fuzz.h"

#include "api.h"
#include "storefront.h"

#define PASSWORD "hunter2"

static void
check_api(const char *text)
{
	bool loopback = false;
	char *address = kl_address(text, &loopback);

	if (address == NULL) {
		must(clean_but(klaviyo_error(), "") && *klaviyo_error());
		return;
	}
	must(strncmp(address, "https://", 8) == 0 ||
	     (strncmp(address, "http://", 7) == 0 && loopback));
	must(strpbrk(address, "?# \r\n\t") == NULL);
	/* In a path an @ is nobody's name. */
	must(address[strcspn(address, "@")] == '\0' ||
	     strcspn(address, "@") > 8 + strcspn(address + 8, "/"));
	must(address[strlen(address) - 1] != '/');
	if (loopback)
		must(strcasestr(address, "://localhost") != NULL ||
		     strstr(address, "://127.") != NULL ||
		     strstr(address, "://[::1]") != NULL ||
		     strstr(address, "://[::1%") != NULL /* a zone */);
	free(address);
}

static void
check_script(const char *base, const char *key)
{
	char *url = klaviyo_script_url(base, key);

	if (url == NULL)
		return;
	must(strncmp(url, "https://", 8) == 0 ||
	     strncmp(url, "http://", 7) == 0);
	must(strpbrk(url, "\"'<>& \t\r\n\\?#") == NULL && utf8_strict(url));
	must(strcmp(url + strlen(url) - 11, "/klaviyo.js") == 0);
	free(url);
}

static void
check_database(const char *before, const char *behind)
{
	char shown[256], *address;
	size_t size = strlen(before) + strlen(behind) + 80;

	address = malloc(size);
	/* A password that may have anything before and behind it. */
	snprintf(address, size,
	    "postgresql://shop:%s" PASSWORD "%s@db.example/shop", before,
	    behind);
	db_address(address, shown, sizeof(shown));
	must(strstr(shown, PASSWORD) == NULL);
	/* Here an & ends it, as in every address. */
	snprintf(address, size,
	    "postgresql://db.example/shop?password=%s" PASSWORD "%s", before,
	    behind);
	if (strchr(before, '&') == NULL)
		db_address(address, shown, sizeof(shown));
	must(strstr(shown, PASSWORD) == NULL);
	free(address);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size), *second = strchr(text, '\n');
	char shown[256];

	check_api(text);
	db_address(text, shown, sizeof(shown));
	if (second != NULL)
		*second++ = '\0';
	check_script(text, second != NULL ? second : "ABC123");
	check_database(text, second != NULL ? second : "");
	free(text);
	return 0;
}
