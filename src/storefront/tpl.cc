/*
 * tpl.cc - ctemplate behind the C functions of tpl.h: the only C++ file.
 *
 * Promises: no exception and no C++ type crosses; a page is rendered whole into
 * memory or not at all (ctemplate may emit half a page when an include fails);
 * every file that the pages ask for is there, and each is linted (lint.c) and
 * expanded once with an empty dictionary, before tpl_load() succeeds.
 *
 * A cache of our own, filled whole and put in the place of the one before: a
 * page is rendered from one of them, and when a template breaks the last good
 * ones stay, which ctemplate's own reloading does not promise.
 */
#include "tpl.h"

#include "lint.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <ctemplate/per_expand_data.h>
#include <ctemplate/template.h>
#include <ctemplate/template_cache.h>
#include <ctemplate/template_dictionary.h>

/* ctemplate's dictionaries are handed out as struct tpl *, owned by the root. */
using Dictionary = ctemplate::TemplateDictionary;

/* What is asked for by name somewhere: without one of them a page would fail
   when somebody comes to it. */
static const char *const needed[] = {"account.tpl", "card.tpl", "cart.tpl",
    "checkout.tpl", "collection.tpl", "consent.tpl", "form.tpl", "home.tpl",
    "layout.tpl", "message.tpl", "plot.tpl", "product.tpl", "restore.tpl",
    "script.tpl", "search.tpl", "status.tpl", "thanks.tpl",
    "klaviyo/added_to_cart.tpl", "klaviyo/events.tpl", "klaviyo/forget.tpl",
    "klaviyo/identify.tpl", "klaviyo/loader.tpl", "klaviyo/object.tpl",
    "klaviyo/started_checkout.tpl", "klaviyo/started_checkout_email.tpl",
    "klaviyo/viewed_item.tpl", "klaviyo/viewed_product.tpl"};

/* Read and replaced by std::atomic_..() only. */
static std::shared_ptr<ctemplate::TemplateCache> cache;
static std::atomic<unsigned> generation;

static Dictionary *
dict(struct tpl *tpl)
{
	return reinterpret_cast<Dictionary *>(tpl);
}

static struct tpl *
handle(Dictionary *dictionary)
{
	return reinterpret_cast<struct tpl *>(dictionary);
}

static bool
expand(ctemplate::TemplateCache *from, const char *file,
    const Dictionary *dictionary, std::string *out)
{
	return from->ExpandWithData(
	    file, ctemplate::DO_NOT_STRIP, dictionary, nullptr, out);
}

/* The names of *.tpl in a directory below the root, sorted. */
static int
names_in(const std::string &root, const std::string &below,
    std::vector<std::string> *names)
{
	std::string path = root + "/" + below;
	DIR *dir = opendir(path.c_str());
	struct dirent *entry;

	if (dir == nullptr)
		return shop_fail("%s: no such directory (STOREFRONT_TEMPLATES)",
		    path.c_str());
	while ((entry = readdir(dir)) != nullptr) {
		std::string name = entry->d_name;

		if (name.size() > 4 && name[0] != '.' &&
		    name.compare(name.size() - 4, 4, ".tpl") == 0)
			names->push_back(below + name);
	}
	closedir(dir);
	std::sort(names->begin(), names->end());
	return 0;
}

static int
check_all_there(const std::string &root, const std::vector<std::string> &names)
{
	for (const char *name : needed)
		if (std::find(names.begin(), names.end(), name) == names.end())
			return shop_fail("%s/%s: not there, and pages are made "
			                 "of it: copy it from the templates of "
			                 "this version (STOREFRONT_TEMPLATES)",
			    root.c_str(), name);
	return 0;
}

/* Lints, loads and expands one template. */
static int
load_one(ctemplate::TemplateCache *into, const std::string &root,
    const std::string &name)
{
	std::ifstream file(root + "/" + name);
	std::stringstream text;
	Dictionary empty("empty");
	std::string out;

	if (!file || !(text << file.rdbuf()))
		return shop_fail("%s/%s: cannot be read", root.c_str(),
		    name.c_str());
	if (lint_template(name.c_str(), text.str().c_str()) != 0)
		return -1;
	if (!into->LoadTemplate(name, ctemplate::DO_NOT_STRIP) ||
	    !expand(into, name.c_str(), &empty, &out))
		return shop_fail("%s/%s: ctemplate cannot read it (its words "
		                 "are above)",
		    root.c_str(), name.c_str());
	return 0;
}

int
tpl_load(const char *directory)
{
	try {
		auto fresh = std::make_shared<ctemplate::TemplateCache>();
		std::vector<std::string> names;

		if (!fresh->SetTemplateRootDirectory(directory))
			return shop_fail("%s: no directory of templates "
			                 "(STOREFRONT_TEMPLATES)",
			    directory);
		if (names_in(directory, "", &names) != 0 ||
		    names_in(directory, "klaviyo/", &names) != 0 ||
		    check_all_there(directory, names) != 0)
			return -1;
		for (const auto &name : names)
			if (load_one(fresh.get(), directory, name) != 0)
				return -1;
		std::atomic_store(&cache, fresh);
		/* After it: what is rendered under this number is of these. */
		generation++;
		return 0;
	} catch (...) {
		return shop_fail("out of memory");
	}
}

unsigned
tpl_generation(void)
{
	return generation;
}

struct tpl *
tpl_new(void)
{
	try {
		return handle(new Dictionary("page"));
	} catch (...) {
		return nullptr;
	}
}

void
tpl_free(struct tpl *tpl)
{
	delete dict(tpl);
}

void
tpl_set(struct tpl *tpl, const char *name, const char *value)
{
	try {
		dict(tpl)->SetValue(name, value != nullptr ? value : "");
	} catch (...) {
	}
}

void
tpl_num(struct tpl *tpl, const char *name, int64_t value)
{
	char digits[24];

	tpl_set(tpl, name, num_text(digits, value));
}

void
tpl_json(struct tpl *tpl, const char *name, const char *json)
{
	/* The last line of defence, not the escaper: see snippet.c. */
	if (json == nullptr || strpbrk(json, "<>&") != nullptr)
		json = "null";
	tpl_set(tpl, name, json);
}

void
tpl_markup(struct tpl *tpl, const char *name, const char *markup)
{
	tpl_set(tpl, name, markup);
}

struct tpl *
tpl_section(struct tpl *tpl, const char *name)
{
	try {
		return handle(dict(tpl)->AddSectionDictionary(name));
	} catch (...) {
		return tpl;
	}
}

void
tpl_show(struct tpl *tpl, const char *name)
{
	try {
		dict(tpl)->ShowSection(name);
	} catch (...) {
	}
}

struct tpl *
tpl_include(struct tpl *tpl, const char *name, const char *file)
{
	try {
		Dictionary *child = dict(tpl)->AddIncludeDictionary(name);

		child->SetFilename(file);
		return handle(child);
	} catch (...) {
		return tpl;
	}
}

int
tpl_render(const char *file, struct tpl *tpl, struct text *out)
{
	try {
		auto from = std::atomic_load(&cache);
		std::string page;

		if (tpl == nullptr || from == nullptr ||
		    !expand(from.get(), file, dict(tpl), &page))
			return shop_fail("template %s failed", file);
		text_addn(out, page.data(), page.size());
		return out->failed ? shop_fail("out of memory") : 0;
	} catch (...) {
		return shop_fail("out of memory");
	}
}
