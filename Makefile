# libklaviyo, the storefront and klaviyo-sandbox.
#
#   make            build everything below build/
#   make run        set up and start the demo shop (PORT=, SANDBOX_PORT= move it)
#   make test       set up and run every test
#   make install    PREFIX=/usr/local DESTDIR=
#   make SAN=address,undefined BUILD=build-asan     a sanitizer build
#
# Compiler, flags and BUILD may be given on the command line.

BUILD    ?= build
PREFIX   ?= /usr/local
LIBDIR   ?= $(PREFIX)/lib
DATADIR  ?= $(PREFIX)/share/storefront
PORT     ?= 8080
SANDBOX_PORT ?= 9000
VERSION  := 0.1.0

CFLAGS   ?= -O2 -g
CXXFLAGS ?= -O2 -g
WARN      = -Wall -Wextra -Wshadow -Wvla -Wpointer-arith -Wwrite-strings
CPPFLAGS += -D_GNU_SOURCE -Isrc/klaviyo -Isrc/storefront \
            -DVERSION='"$(VERSION)"' -DDATADIR='"$(DATADIR)"'
ifdef SAN
SANFLAGS  = -fsanitize=$(SAN) -fno-omit-frame-pointer
endif
C        = $(CC) -std=c11 $(CPPFLAGS) $(CFLAGS) $(WARN) -Wstrict-prototypes \
           -Wmissing-prototypes -fPIC -fvisibility=hidden -MMD -MP $(SANFLAGS)
CXXC     = $(CXX) -std=c++17 $(CPPFLAGS) $(CXXFLAGS) $(WARN) -MMD -MP $(SANFLAGS)
LINK     = $(CXX) $(CXXFLAGS) $(LDFLAGS) $(SANFLAGS) -pthread

KLAVIYO_LIBS    = -lcurl -lcjson -lsqlite3 -lsodium
STOREFRONT_LIBS = -lfcgi -lctemplate -lcsv -lxml2 -lunistring $(KLAVIYO_LIBS)
SANDBOX_LIBS    = -lmicrohttpd -lcjson -lsodium

objects  = $(patsubst src/%,$(BUILD)/%.o,$(sort $(wildcard src/$(1)/*.c \
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
$(BUILD)/klaviyo.pc: src/klaviyo/klaviyo.pc.in Makefile
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' $< > $@

$(BUILD)/%.c.o: src/%.c
	@mkdir -p $(@D)
	$(C) -pthread -c -o $@ $<
$(BUILD)/%.cc.o: src/%.cc
	@mkdir -p $(@D)
	$(CXXC) -pthread -c -o $@ $<
# .S files embed texts (schema, demo catalogue, pages) by .incbin; they are
# remade with every text that could be in them.
$(BUILD)/%.S.o: src/%.S
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<
$(filter %.S.o,$(STOREFRONT)): $(wildcard src/storefront/*.sql src/storefront/*.csv)
$(filter %.S.o,$(SANDBOX)): $(wildcard src/sandbox/*.html src/sandbox/*.js src/sandbox/*.css)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(BUILD)

.PHONY: all clean
.DELETE_ON_ERROR:
