# libklaviyo, the storefront and klaviyo-sandbox.
#
#   make            build everything below build/
#   make run        set up and start the demo shop (PORT=, SANDBOX_PORT=, STATUS_PORT=
#                   move it)
#   make test       set up and run every test
#   make soak       the crash tests and others in their long form (SOAK=1)
#   make lint       clang-tidy, gcc -fanalyzer and cppcheck find nothing in src
#   make fuzz       each fuzz target for FUZZ_SECONDS=60 (FUZZ="form csv": those)
#   make bench      the goals of speed, each with its figure, in 15 minutes
#   make install    PREFIX=/usr/local DESTDIR=
#   make deb        the Debian packages, in build/deb
#   make abi        note what klaviyo.h now promises to linked programs
#   make sanitize   every test, in a build of each of
#                   SANITIZERS="address,undefined thread"; no report is passed
#   make SAN=address,undefined BUILD=build-asan     a sanitizer build
#
# Compiler, flags and BUILD may be given on the command line.

BUILD    ?= build
PREFIX   ?= /usr/local
LIBDIR   ?= $(PREFIX)/lib
DATADIR  ?= $(PREFIX)/share/storefront
PORT     ?= 8080
SANDBOX_PORT ?= 9000
STATUS_PORT ?= 8081
VERSION  := 0.1.0

CFLAGS   ?= -O2 -g
CXXFLAGS ?= -O2 -g
WARN      = -Wall -Wextra -Wvla -Wpointer-arith -Wwrite-strings
# Of the sources only, not of the tests.
STRICT    = -Wconversion -Wsign-conversion -Wformat=2 -Wcast-qual -Wcast-align \
            -Wundef -Wdouble-promotion -Wnull-dereference
CPPFLAGS += -D_GNU_SOURCE -Isrc/klaviyo -Isrc/storefront \
            -I/usr/include/libxml2 -I/usr/include/postgresql \
            -DVERSION='"$(VERSION)"' -DDATADIR='"$(DATADIR)"'
comma    := ,
ifdef SAN
SANFLAGS  = -fsanitize=$(SAN) -fno-omit-frame-pointer
# gcc's shared libubsan, beside libasan, takes that one's function for where
# reports go: log_path has no effect.
ifeq ($(findstring clang,$(CC))$(filter undefined,$(subst $(comma), ,$(SAN))),undefined)
SANLINK   = -static-libubsan -Wl,--exclude-libs,libubsan.a
endif
endif
C        = $(CC) -std=c11 $(CPPFLAGS) $(CFLAGS) $(WARN) -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -fPIC -fvisibility=hidden -MMD -MP $(SANFLAGS)
CXXC     = $(CXX) -std=c++17 $(CPPFLAGS) $(CXXFLAGS) $(WARN) -MMD -MP $(SANFLAGS)
LINK     = $(CXX) $(CXXFLAGS) $(LDFLAGS) $(SANFLAGS) $(SANLINK) -pthread

KLAVIYO_LIBS    = -lcurl -lcjson -lsqlite3 -lpq -lsodium
STOREFRONT_LIBS = -lfcgi -lctemplate -lcsv -lxml2 -lunistring -lseccomp \
                  -lmicrohttpd $(KLAVIYO_LIBS)
SANDBOX_LIBS    = -lmicrohttpd -lcjson -lsodium

objects  = $(patsubst src/%,$(BUILD)/obj/%.o,$(sort $(wildcard src/$(1)/*.c \
           src/$(1)/*.cc src/$(1)/*.S)))
KLAVIYO    := $(call objects,klaviyo)
STOREFRONT := $(call objects,storefront)
SANDBOX    := $(call objects,sandbox)
LIB        := $(BUILD)/libklaviyo.a $(BUILD)/libklaviyo.so
SONAME     := libklaviyo.so.0

all: $(LIB) $(BUILD)/klaviyo.pc $(BUILD)/storefront $(BUILD)/klaviyo-sandbox

$(BUILD)/libklaviyo.a: $(KLAVIYO)
	rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/libklaviyo.so: $(KLAVIYO)
	$(CC) -shared -Wl,-soname,$(SONAME) $(CFLAGS) $(LDFLAGS) $(SANFLAGS) \
	    -o $@ $^ $(KLAVIYO_LIBS)
	ln -sf libklaviyo.so $(BUILD)/$(SONAME)
$(BUILD)/storefront: $(STOREFRONT) $(BUILD)/libklaviyo.a
	$(LINK) -o $@ $^ $(STOREFRONT_LIBS)
$(BUILD)/klaviyo-sandbox: $(SANDBOX)
	$(LINK) -o $@ $^ $(SANDBOX_LIBS)
$(BUILD)/klaviyo.pc: src/klaviyo/klaviyo.pc.in $(BUILD)/prefix
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' $< > $@

# What depends on PREFIX is remade when that changes.
$(BUILD)/prefix: FORCE
	@mkdir -p $(@D)
	@echo '$(PREFIX) $(LIBDIR) $(DATADIR)' | cmp -s - $@ || \
	    echo '$(PREFIX) $(LIBDIR) $(DATADIR)' > $@
$(BUILD)/obj/storefront/settings.c.o: $(BUILD)/prefix
FORCE:

$(BUILD)/obj/%.c.o: src/%.c
	@mkdir -p $(@D)
	$(C) $(STRICT) -pthread -c -o $@ $<
$(BUILD)/obj/%.cc.o: src/%.cc
	@mkdir -p $(@D)
	$(CXXC) $(STRICT) -pthread -c -o $@ $<
# .S files embed texts (schema, demo catalogue, pages) by .incbin; they are
# remade with every text that could be in them.
$(BUILD)/obj/%.S.o: src/%.S
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<
$(filter %.S.o,$(STOREFRONT)): $(foreach x,sql csv css js,$(wildcard src/storefront/*.$(x)))
$(filter %.S.o,$(SANDBOX)): $(wildcard src/sandbox/*.html src/sandbox/*.js src/sandbox/*.css)

-include $(shell find $(BUILD) -path $(BUILD)/deb -prune -o -name '*.d' -print \
    2>/dev/null)

# ---------------------------------------------------------------- set-up, run

BUILD_PACKAGES = g++ libfcgi-dev libcurl4-openssl-dev libcjson-dev \
    libctemplate-dev libsqlite3-dev libpq-dev libsodium-dev libcsv-dev \
    libxml2-dev libunistring-dev libseccomp-dev libmicrohttpd-dev
RUN_PACKAGES   = $(BUILD_PACKAGES) nginx-light
# Of whatever source Node is, if it is there.
NODE_PACKAGES  = $$(command -v npm > /dev/null || echo nodejs npm libnode-dev)
TEST_PACKAGES  = $(RUN_PACKAGES) $(NODE_PACKAGES) libcmocka-dev apache2-bin \
    libapache2-mod-fcgid python3-pytest python3-pytest-xdist python3-selenium \
    python3-jsonschema python3-pil python3-psycopg2 chromium chromium-driver \
    valgrind pkg-config faketime postgresql openssl iproute2 systemd mandoc \
    clang dpkg-dev lintian init-system-helpers fakeroot

# As root in somebody's tree (sudo make ..): packages as root, files as theirs.
# Only tests of network namespaces stay root's.
AS_ROOT = tests/net
OWNER := $(shell [ "$$(id -u)" = 0 ] && [ "$$(stat -c %u .)" != 0 ] && \
    stat -c 'setpriv --reuid=%u --regid=%g --clear-groups' .)

run:
	@sh www/packages.sh $(RUN_PACKAGES)
	@$(OWNER) $(MAKE) --no-print-directory -s -j2 all
	@PORT=$(PORT) SANDBOX_PORT=$(SANDBOX_PORT) STATUS_PORT=$(STATUS_PORT) \
	    BUILD=$(BUILD) \
	    $(OWNER) www/run.sh

# ----------------------------------------------------------------------- tests

UNITS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
PARTS  = $(filter-out $(BUILD)/obj/storefront/main.c.o,$(STOREFRONT))
WRAPS  = -Wl,--wrap=malloc,--wrap=calloc,--wrap=strdup
# The functions that a test says, in its first comment, it replaces.
REPLACE = $(patsubst %,-Wl$(comma)--wrap=%,$(shell sed -n 's/^ \* Replaces: //p' $<))

$(BUILD)/tests/%: tests/%.c $(PARTS) $(BUILD)/libklaviyo.a
	@mkdir -p $(@D)
	$(C) -Itests/unit -o $@.o -c $<
	$(LINK) -o $@ $@.o $(PARTS) $(BUILD)/libklaviyo.a \
	    $(if $(findstring nth_alloc.h,$(shell cat $<)),$(WRAPS)) $(REPLACE) \
	    $(STOREFRONT_LIBS) -lcmocka

# Those with a database run on both engines.
ON_POSTGRES = $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out \
    %/test_sqlite.c %/test_schema.c,$(shell grep -lE \
    '"(store|rows|pass|judgement|catalog_db).h"' tests/unit/test_*.c)))
# All of them, whichever fails.
EACH = sh -c 'failed=; for unit; do $$unit || failed="$$failed $$unit"; done; \
    [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }' sh
units: $(UNITS)
	@$(EACH) $(filter-out %pgsql,$(UNITS))
	@/usr/bin/python3 tests/postgres.py $(EACH) $(ON_POSTGRES)

# What tests/crash preloads into the programs: disks that fail, and their log.
SHIMS := $(patsubst %,$(BUILD)/tests/crash/%.so,powercut diskfault heap)
shims: $(SHIMS)

$(BUILD)/tests/crash/%.so: tests/crash/%.c tests/crash/shim.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(CFLAGS) $(WARN) -fPIC -shared -pthread \
	    -o $@ $<

# The storefront with one thing wrong in it: tests/crash/wrong says what, and
# which functions are replaced.
CRASH := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard \
         tests/crash/wrong/*.c tests/crash/every_*.c))
crash: $(CRASH)

$(BUILD)/tests/crash/wrong/%: tests/crash/wrong/%.c $(STOREFRONT) $(BUILD)/libklaviyo.a
	@mkdir -p $(@D)
	$(C) -o $@.o -c $<
	$(LINK) -o $@ $@.o $(STOREFRONT) $(BUILD)/libklaviyo.a $(REPLACE) \
	    $(STOREFRONT_LIBS)

# The storefront that tries what it may not do, and a kernel that lacks what
# forbids it.
PROBES := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/confine/*.c))
crash: $(PROBES)

# The fuzz targets: with libFuzzer's engine in a clang build of their own below
# BUILD, for `make fuzz`; with replay.c in a gcc build, for `make test`.  Both
# are sanitized, and end at the first report.
FUZZERS  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out %/replay.c,$(wildcard \
            tests/fuzz/*.c)))
FUZZ_FLAGS = CFLAGS='-O1 -g -fno-sanitize-recover=all' \
             CXXFLAGS='-O1 -g -fno-sanitize-recover=all'
FUZZ_SAN  = address,undefined,float-cast-overflow,float-divide-by-zero
ENGINE    = $(BUILD)/tests/fuzz/replay.o
replay:
	@$(MAKE) --no-print-directory $(FUZZ_FLAGS) BUILD=$(BUILD)/replay \
	    SAN=$(FUZZ_SAN) fuzzers misled planted
fuzzers: $(FUZZERS)

# Targets that must fail: tests/fuzz/wrong says why, and which functions are
# replaced in the target of the comment's line "Target".
MISLED   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/wrong/*.c))
misled: $(MISLED)

$(BUILD)/tests/fuzz/replay.o: tests/fuzz/replay.c tests/fuzz/fuzz.h
	@mkdir -p $(@D)
	$(C) -o $@ -c $<
$(BUILD)/libsandbox.a: $(filter-out %/main.c.o,$(SANDBOX))
	rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/libparts.a: $(PARTS)
	rm -f $@ && $(AR) rcs $@ $^
FUZZED    = $(addprefix $(BUILD)/,libparts.a libklaviyo.a libsandbox.a) \
            $(ENGINE) $(STOREFRONT_LIBS) $(SANDBOX_LIBS)
$(BUILD)/tests/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(C) -o $@ -c $<
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/tests/fuzz/%.o \
    $(filter %.a %.o,$(FUZZED))
	$(LINK) -o $@ $@.o $(REPLACE) $(FUZZED)
# Faults for a sanitizer, in the storefront and alone: test_sanitize.py.
planted: $(BUILD)/tests/sanitize/storefront
$(BUILD)/tests/sanitize/alone: tests/sanitize/planted.c
	@mkdir -p $(@D)
	$(C) -DALONE -o $@.o -c $<
	$(LINK) -o $@ $@.o
$(BUILD)/tests/sanitize/storefront: tests/sanitize/planted.c \
    $(BUILD)/obj/storefront/main.c.o $(BUILD)/libparts.a $(BUILD)/libklaviyo.a
	@mkdir -p $(@D)
	$(C) -o $@.o -c $<
	$(LINK) -o $@ $@.o $(REPLACE) $(filter %.c.o %.a,$^) $(STOREFRONT_LIBS)
TARGET = $(shell sed -n 's/^ \* Target: //p' $<)
$(BUILD)/tests/fuzz/wrong/%: tests/fuzz/wrong/%.c $(FUZZERS)
	@mkdir -p $(@D)
	$(C) -o $@.o -c $<
	$(LINK) -o $@ $@.o $(BUILD)/tests/fuzz/$(TARGET).o $(REPLACE) $(FUZZED)
.SECONDARY: $(FUZZERS:=.o)

FUZZ_PACKAGES = $(BUILD_PACKAGES) clang libclang-rt-14-dev llvm python3
FUZZ_SECONDS ?= 60
fuzz:
	@sh www/packages.sh $(FUZZ_PACKAGES)
	@$(OWNER) $(MAKE) --no-print-directory -s $(FUZZ_FLAGS) CC=clang \
	    CXX=clang++ BUILD=$(BUILD)/fuzz SAN=$(FUZZ_SAN),fuzzer-no-link \
	    ENGINE=-fsanitize=fuzzer fuzzers
	@$(OWNER) /usr/bin/python3 tests/fuzz/fuzz.py $(BUILD)/fuzz \
	    $(FUZZ_SECONDS) $(FUZZ)

# Three readers of the sources; .clang-tidy and the lists here say what each is
# asked.  A file is read again when it, or what it includes, has changed.
LINT_PACKAGES = $(BUILD_PACKAGES) clang-tidy-14 cppcheck
READ      = $(filter %.c.o %.cc.o,$(KLAVIYO) $(STOREFRONT) $(SANDBOX))
STD       = $(if $(filter %.cc,$<),-std=c++17,-std=c11 -Wstrict-prototypes \
            -Wmissing-prototypes -Wshadow) $(WARN) $(STRICT) $(CPPFLAGS) -pthread
TIDY      = clang-tidy-14 --quiet $< -- $(STD)
# -O1: at -O0 it misses leaks, at -O2 it reports what is not so, of functions
# that the optimizer has cut up.  It does not know C++.
ANALYZE   = $(if $(filter %.cc,$<),$(CXX),$(CC) -fanalyzer) $(STD) \
            -Wlogical-op -Wduplicated-cond -Wduplicated-branches -O1 -c \
            -o /dev/null $<
# Out of cppcheck's list:
# variableScope, shadowFunction   style; gcc -Wshadow sees what matters
# varFuncNullUB   a NULL that is no pointer: in no POSIX system
# ctuuninitvar   takes what a function is to fill for what it reads
# readdirCalled   readdir_r() is what should not be called
# useStlAlgorithm   style
CPPCHECK  = cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
            --std=c++17 --library=posix --enable=style --template=gcc \
            $(patsubst %,--suppress=%,variableScope shadowFunction \
            varFuncNullUB ctuuninitvar readdirCalled useStlAlgorithm) \
            -D__cppcheck__ $(filter-out -I/usr/%,$(CPPFLAGS))
# clang-tidy talks and finds nothing; gcc finds something and succeeds.
LINT      = @mkdir -p $(@D); said=$$($(1) 2>&1) $(2) && touch $@ || \
            { echo "$$said"; exit 1; }
SILENT    = && [ -z "$$said" ]
lint:
	@sh www/packages.sh $(LINT_PACKAGES)
	@$(OWNER) $(MAKE) --no-print-directory -s -j2 linted
linted: $(patsubst $(BUILD)/obj/%.o,$(BUILD)/lint/%.tidy,$(READ)) \
    $(patsubst $(BUILD)/obj/%.o,$(BUILD)/lint/%.analyzed,$(READ)) \
    $(BUILD)/lint/checked
$(BUILD)/lint/%.tidy: src/% $(BUILD)/obj/%.o $(BUILD)/lint/planted
	$(call LINT,$(TIDY))
$(BUILD)/lint/%.analyzed: src/% $(BUILD)/obj/%.o $(BUILD)/lint/planted
	$(call LINT,$(ANALYZE),$(SILENT))
$(BUILD)/lint/checked: $(READ) $(BUILD)/lint/planted
	@mkdir -p $(BUILD)/lint/cppcheck
	$(call LINT,$(CPPCHECK) -j2 --cppcheck-build-dir=$(BUILD)/lint/cppcheck src)
# Each of them must find what is planted for it: tools that find nothing, for
# they are not asked, would find nothing in the sources either.
$(BUILD)/lint/planted: tests/lint/planted.c tests/lint/planted.sh .clang-tidy \
    $(BUILD)/lint/asked
	@mkdir -p $(@D)
	@sh tests/lint/planted.sh $< clang-tidy $(TIDY)
	@sh tests/lint/planted.sh $< gcc $(ANALYZE)
	@sh tests/lint/planted.sh $< cppcheck $(CPPCHECK) $<
	@touch $@

# All is read again when other things are asked.
$(BUILD)/lint/asked: export ASKED = $(TIDY) $(ANALYZE) $(CPPCHECK)
$(BUILD)/lint/asked: FORCE
	@mkdir -p $(@D)
	@echo "$$ASKED" | cmp -s - $@ || echo "$$ASKED" > $@

# What is about the database, once more on PostgreSQL.
ENGINES = $(addprefix tests/integration/test_,awake.py checkout.py order_life.py \
    feed.py feed_served.py back_in_stock.py consent.py onsite_server.py cart_links.py \
    catalogue_pages.py kept.py catalog_push.py outbox.py history_import.py \
    history_scale.py accounts.py account_security.py account_tries.py \
    account_reset.py leads.py preview.py reconcile.py ready.py)
# Klaviyo's SDK for Node, by npm, which keeps it below BUILD.
SDK := $(BUILD)/sdk
$(SDK)/installed: $(wildcard tests/sdk/*)
	@mkdir -p $(@D)
	cp $^ $(@D) && cd $(@D) && npm ci --no-audit --no-fund \
	    --ignore-scripts --loglevel=error --cache cache && \
	    rm -rf cache && touch $(@F)
# Two at a time, each file's tests together and in order: most of them wait.
PYTEST = /usr/bin/python3 -m pytest -q -p no:cacheprovider -n 2 --dist loadfile
test:
	@sh www/packages.sh $(TEST_PACKAGES)
	@$(OWNER) $(MAKE) --no-print-directory all units shims crash replay \
	    $(SDK)/installed
	@STOREFRONT_BUILD=$(BUILD) $(OWNER) $(PYTEST) \
	    $(if $(OWNER),--ignore=$(AS_ROOT)) tests
	@[ -z "$(OWNER)" ] || STOREFRONT_BUILD=$(BUILD) \
	    /usr/bin/python3 -B -m pytest -q -p no:cacheprovider $(AS_ROOT)
	@TEST_ENGINE=postgresql STOREFRONT_BUILD=$(BUILD) $(OWNER) $(PYTEST) \
	    $(ENGINES)

# The same with every sanitizer.  In such a build programs are slow: who waits
# for them may wait longer.  sanitize.py goes on after a failure, and says what
# there was.
SANITIZERS ?= address,undefined thread
sanitize:
	@sh www/packages.sh $(TEST_PACKAGES)
	@failed=; for san in $(SANITIZERS); do \
	    $(MAKE) --no-print-directory SAN=$$san sanitized \
	        BUILD=$(BUILD)-$${san%%,*} || failed="$$failed $$san"; \
	done; [ -z "$$failed" ] || { echo "make sanitize:$$failed" >&2; exit 1; }
SLOWLY = $(OWNER) env STOREFRONT_BUILD=$(BUILD) STOREFRONT_PATIENCE=300
sanitized:
	@$(OWNER) $(MAKE) --no-print-directory -s all shims crash replay \
	    $(UNITS) $(SDK)/installed
	@/usr/bin/python3 -B tests/sanitize/sanitize.py \
	    $(SLOWLY) $(MAKE) --no-print-directory units --- \
	    $(SLOWLY) $(PYTEST) -rs $(if $(OWNER),--ignore=$(AS_ROOT)) tests --- \
	    $(if $(OWNER),$(filter-out $(OWNER),$(SLOWLY)) /usr/bin/python3 -B \
	    -m pytest -q -p no:cacheprovider $(AS_ROOT) ---) \
	    $(SLOWLY) TEST_ENGINE=postgresql $(PYTEST) -rs $(ENGINES)

# The tests that have a long form, in it; for hours, or a night.
# What attacks the shop there: tests/integration/test_attackers.py.
SOAK_PACKAGES = $(TEST_PACKAGES) wapiti sqlmap slowhttptest debootstrap \
    systemd-container
soak:
	@sh www/packages.sh $(SOAK_PACKAGES)
	@SOAK=1 $(OWNER) $(MAKE) --no-print-directory all units shims crash
	@SOAK=1 STOREFRONT_BUILD=$(BUILD) $(OWNER) /usr/bin/python3 -m pytest \
	    -v -rP -p no:cacheprovider $$(grep -rl --include='test_*.py' SOAK \
	    tests)
	@[ -z "$(OWNER)" ] || SOAK=1 STOREFRONT_BUILD=$(BUILD) \
	    /usr/bin/python3 -B -m pytest -v -p no:cacheprovider \
	    tests/integration/test_boot.py

# The goals of speed, each with its figure: tests/bench/bench.py.  It installs
# what it measures against (BENCH="pages checkout": those parts alone).
BENCH_PACKAGES = $(RUN_PACKAGES) python3 python3-psycopg2 postgresql openssl wrk \
    php-fpm php-cli php-sqlite3 php-apcu php-xml
BENCHES := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
$(BUILD)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(WARN) -pthread -o $@ $< -lfcgi -lcurl
bench:
	@sh www/packages.sh $(BENCH_PACKAGES) $(NODE_PACKAGES)
	@$(OWNER) $(MAKE) --no-print-directory -s all $(BENCHES) \
	    $(SDK)/installed
	@STOREFRONT_BUILD=$(BUILD) $(OWNER) /usr/bin/python3 -B \
	    tests/bench/bench.py $(BENCH)

# The README's pictures, from the real thing.
picture: all
	STOREFRONT_BUILD=$(BUILD) /usr/bin/python3 tests/browser/picture.py \
	    www/art

# --------------------------------------------------------------------- install

# What is installed, as MODE:FROM:TO, for install and uninstall.  What names the
# place of the others is written for it.
UNITDIR  ?= $(PREFIX)/lib/systemd/system
USERDIR  ?= $(PREFIX)/lib/sysusers.d
MANDIR   ?= $(PREFIX)/share/man
PLACED    = $(BUILD)/placed
SHARED    = $(wildcard templates/*.tpl templates/klaviyo/*.tpl \
            src/storefront/tracking*.c)
HTDOCS    = $(patsubst www/%,%,$(shell find www/htdocs -type f))
UNITS_WWW = storefront.service storefront.socket storefront-worker.service \
            storefront-batch.service storefront-batch.timer \
            storefront-status.service storefront-status.socket
INSTALLED = 755:$(BUILD)/storefront:$(PREFIX)/bin/storefront \
    755:$(BUILD)/klaviyo-sandbox:$(PREFIX)/bin/klaviyo-sandbox \
    644:src/klaviyo/klaviyo.h:$(PREFIX)/include/klaviyo.h \
    644:$(BUILD)/libklaviyo.a:$(LIBDIR)/libklaviyo.a \
    644:$(BUILD)/libklaviyo.so:$(LIBDIR)/libklaviyo.so.$(VERSION) \
    link:libklaviyo.so.$(VERSION):$(LIBDIR)/$(SONAME) \
    link:$(SONAME):$(LIBDIR)/libklaviyo.so \
    644:$(BUILD)/klaviyo.pc:$(LIBDIR)/pkgconfig/klaviyo.pc \
    644:src/klaviyo/klaviyo.3:$(MANDIR)/man3/klaviyo.3 \
    644:src/storefront/storefront.8:$(MANDIR)/man8/storefront.8 \
    644:src/sandbox/klaviyo-sandbox.1:$(MANDIR)/man1/klaviyo-sandbox.1 \
    $(foreach f,nginx.conf nginx-site.conf apache.conf storefront.cron,\
        644:$(PLACED)/$f:$(DATADIR)/$f) \
    644:www/storefront-postgresql.conf:$(DATADIR)/storefront-postgresql.conf \
    $(foreach f,$(UNITS_WWW),644:$(PLACED)/$f:$(UNITDIR)/$f) \
    644:www/storefront.sysusers:$(USERDIR)/storefront.conf \
    $(foreach f,$(SHARED),644:$f:$(DATADIR)/$f) \
    $(foreach f,$(HTDOCS),644:www/$f:$(DATADIR)/$f)

$(PLACED)/%: www/% $(BUILD)/prefix
	@mkdir -p $(@D)
	sed -e 's|/usr/local/share/storefront|$(DATADIR)|g' \
	    -e 's|/usr/local/bin|$(PREFIX)/bin|g' $< > $@
# The part of it for an nginx that has other sites, too.
$(PLACED)/nginx-site.conf: $(PLACED)/nginx.conf
	sed -n -e '1i# The shop as one site of nginx: sites-available/storefront.' \
	    -e '/^\taccess_log/d' \
	    -e '/^\t# (http)/,/^$$/{s/^\t//;s/(http) //' \
	    -e 's|_path cache |_path /var/lib/nginx/storefront |' \
	    -e 's|_path feeds |_path /var/lib/nginx/storefront-feeds |;p;}' \
	    -e '/^\tserver {/,/^\t}/{s/^\t//;p;}' \
	    -e '/listen /a\	access_log /var/log/nginx/storefront.access.log storefront;' \
	    $< > $@

placed: $(patsubst %,$(PLACED)/%,nginx.conf nginx-site.conf apache.conf \
    storefront.cron $(UNITS_WWW))
install: all placed
	@for each in $(INSTALLED); do \
	    to=$(DESTDIR)$${each##*:}; from=$${each%:*}; from=$${from#*:}; \
	    case $$each in \
	    link:*) mkdir -p "$${to%/*}" && ln -sf "$$from" "$$to";; \
	    *) install -D -m "$${each%%:*}" "$$from" "$$to";; \
	    esac || exit 1; done
	@echo "installed below $(DESTDIR)$(PREFIX)"

# What install has put there and nothing else; its own directories if empty.
uninstall:
	@for each in $(INSTALLED); do rm -f "$(DESTDIR)$${each##*:}" || exit 1; done
	@[ ! -d $(DESTDIR)$(DATADIR) ] || find $(DESTDIR)$(DATADIR) -depth \
	    -type d -empty -delete

# libklaviyo0, libklaviyo-dev, klaviyo-storefront, klaviyo-sandbox: build/deb/.
# Of the objects that are built already, with PREFIX=/usr in a build of its own.
DEB_PACKAGES = $(BUILD_PACKAGES) dpkg-dev lintian init-system-helpers mandoc
DEB       = $(BUILD)/deb
MULTIARCH = $(shell dpkg-architecture -qDEB_HOST_MULTIARCH)
deb:
	@sh www/packages.sh $(DEB_PACKAGES)
	@$(OWNER) $(MAKE) --no-print-directory -s debs
debs: all
	@rm -rf $(DEB)/stage && mkdir -p $(DEB)/build
	@cp -a $(BUILD)/obj $(BUILD)/libklaviyo.* $(DEB)/build/
	@$(MAKE) --no-print-directory -s install BUILD=$(DEB)/build PREFIX=/usr \
	    LIBDIR=/usr/lib/$(MULTIARCH) UNITDIR=/lib/systemd/system \
	    DESTDIR=$(DEB)/stage
	@sh www/debian/build.sh $(DEB) $(VERSION)

# What programs linked with the library rest on, after a change of klaviyo.h.
abi:
	/usr/bin/python3 tests/abi.py > src/klaviyo/klaviyo.abi

clean:
	rm -rf $(BUILD) $(BUILD)-address $(BUILD)-thread

.PHONY: all run units crash shims replay fuzzers misled planted fuzz test \
    sanitize sanitized lint linted soak bench \
    picture placed install uninstall deb debs abi clean
.DELETE_ON_ERROR:
