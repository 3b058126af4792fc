/*
 * ctemplate.cc - every snippet of a visit through ctemplate, with the partials
 * of templates/klaviyo as they are installed.
 *
 *	c++ -std=c++17 ctemplate.cc $(pkg-config --cflags --libs klaviyo) \
 *	    -lctemplate -pthread
 *	ctemplate DIRECTORY PUBLIC_KEY [ONSITE_URL] > page.html
 */
#include <cstdio>
#include <cstdlib>
#include <ctemplate/template.h>
#include <klaviyo.h>
#include <string>

/* A page's own template includes the partials where they belong. */
static const char page[] = R"({{%AUTOESCAPE context="HTML"}}<!DOCTYPE html>
<meta charset=utf-8>
<title>{{NAME}}</title>
{{>OBJECT}}{{>LOADER}}{{>EVENTS}}<h1>{{NAME}}</h1>
)";

/* Takes over what the library returned.  NULL: the partial has nothing. */
static bool
take(ctemplate::TemplateDictionary *to, const char *name, char *json)
{
	bool there = json != nullptr;

	if (there)
		to->SetValue(name, json);
	std::free(json);
	return there;
}

int
main(int argc, char **argv)
{
	static const char *const shelf[] = {"Fiction", "Children"};
	klaviyo_item item{};
	klaviyo_cart cart{};
	klaviyo_profile sarah{};
	ctemplate::TemplateDictionary dictionary("page");
	std::string out;

	if (argc < 3)
		return 2;
	ctemplate::Template::SetTemplateRootDirectory(argv[1]);
	ctemplate::StringToTemplateCache(
	    "page", page, sizeof(page) - 1, ctemplate::DO_NOT_STRIP);
	item.product_id = "1111";
	item.sku = "WINNIEPOOH";
	item.name = "</script>Winnie & the <Pooh>";
	item.brand = "Kids Books";
	item.url = "https://books.klaviyo-demo.com/pooh";
	item.image_url = "https://books.klaviyo-demo.com/pooh.png";
	item.categories = shelf;
	item.ncategories = 2;
	item.price = 999;
	item.compare_at_price = 1299;
	item.quantity = 2;
	cart.id = "c4f1";
	cart.revision = 3;
	cart.changed_at = 1790000000;
	cart.currency = "USD";
	cart.value = 1998;
	cart.checkout_url = "https://books.klaviyo-demo.com/cart/c4f1";
	cart.items = &item;
	cart.nitems = 1;
	sarah.email = "sarah.mason@klaviyo-demo.com";
	sarah.first_name = "Sarah";

	dictionary.SetValue("NAME", item.name);
	dictionary.AddIncludeDictionary("OBJECT")->SetFilename(
	    "klaviyo/object.tpl");
	char *url = klaviyo_script_url(argc > 3 ? argv[3] : nullptr, argv[2]);
	auto *loader = dictionary.AddIncludeDictionary("LOADER");
	if (url != nullptr &&
	    take(loader, "KLAVIYO_URL", klaviyo_script_string(url)))
		loader->SetFilename("klaviyo/loader.tpl");
	std::free(url);
	/* Known: identify, and the events within its callback. */
	auto *events = dictionary.AddIncludeDictionary("EVENTS");
	if (take(events, "KLAVIYO_PROFILE", klaviyo_identify(&sarah)))
		events->SetFilename("klaviyo/identify.tpl");
	const struct {
		const char *file;
		char *json;
	} event[] = {
	    {"klaviyo/viewed_product.tpl",
	        klaviyo_viewed_product(&item, "USD")},
	    {"klaviyo/viewed_item.tpl", klaviyo_viewed_item(&item, "USD")},
	    {"klaviyo/added_to_cart.tpl", klaviyo_added_to_cart(&cart, 0, 2)},
	    {"klaviyo/started_checkout.tpl", klaviyo_started_checkout(&cart)},
	};
	for (const auto &one : event)
		if (one.json != nullptr) {
			auto *inner = events->AddIncludeDictionary("EVENT");
			inner->SetFilename(one.file);
			take(inner, "KLAVIYO_JSON", one.json);
		}
	if (!ctemplate::ExpandTemplate(
	        "page", ctemplate::DO_NOT_STRIP, &dictionary, &out))
		return 1;
	std::fwrite(out.data(), 1, out.size(), stdout);
	return 0;
}
