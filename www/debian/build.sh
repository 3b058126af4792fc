#!/bin/sh
# build.sh DIRECTORY VERSION - the Debian packages, of what `make install` has put
# into DIRECTORY/stage, into DIRECTORY.
#
# Uses dpkg's own tools on a debian/ directory that is put together in DIRECTORY:
# the top of the tree has none.  SOURCE_DATE_EPOCH, if set, dates everything.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
version=$2-1
multi=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
arch=$(dpkg-architecture -qDEB_HOST_ARCH)
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(date +%s)}"
date=$(date -R -d "@$SOURCE_DATE_EPOCH")

rm -rf debian lib* klaviyo-*.deb
rm -f ./*.deb
mkdir -p debian
cp "$here/control" debian/
cat > debian/changelog << END
klaviyo-storefront ($version) unstable; urgency=medium

  * See changelog.gz.

 -- Klaviyo storefront maintainers <storefront@klaviyo-demo.com>  $date
END

# take PACKAGE PATH..: moves what was staged into a package.
take() {
  to=debian/$1
  shift
  for path; do
    mkdir -p "$to/${path%/*}"
    mv stage/$path "$to/${path%/*}/"
  done
}

take libklaviyo0 "$multi/libklaviyo.so.*"
take libklaviyo-dev "$multi/libklaviyo.so" "$multi/libklaviyo.a" \
  "$multi/pkgconfig/klaviyo.pc" usr/include/klaviyo.h \
  usr/share/man/man3/klaviyo.3
take klaviyo-sandbox usr/bin/klaviyo-sandbox \
  usr/share/man/man1/klaviyo-sandbox.1
take klaviyo-storefront usr/bin/storefront usr/share/storefront \
  usr/share/man/man8/storefront.8 "lib/systemd/system/*" \
  usr/lib/sysusers.d/storefront.conf
left=$(find stage ! -type d)
[ -z "$left" ] || { echo "build.sh: in no package: $left" >&2; exit 1; }

mkdir -p debian/klaviyo-storefront/etc/storefront
install -m 640 "$here/web.env" "$here/worker.env" \
  debian/klaviyo-storefront/etc/storefront/

for package in libklaviyo0 libklaviyo-dev klaviyo-storefront klaviyo-sandbox; do
  root=debian/$package
  doc=$root/usr/share/doc/$package
  mkdir -p "$root/DEBIAN" "$doc"
  install -m 644 "$here/copyright" "$doc/copyright"
  gzip -9nc debian/changelog > "$doc/changelog.Debian.gz"
  gzip -9nc "$here/../../CHANGELOG.md" > "$doc/changelog.gz"
  find "$root/usr/share/man" -type f -exec gzip -9n {} + 2> /dev/null || true
  # What is linked, stripped: dpkg-shlibdeps reads what it needs.
  programs=
  for file in $(find "$root" -type f \( -path '*/bin/*' -o -name '*.so.*' \)); do
    strip --strip-unneeded --remove-section=.comment --remove-section=.note "$file"
    programs="$programs $file"
  done
  find "$root" -name '*.a' -exec strip --strip-debug {} +
  if [ $package = libklaviyo0 ]; then
    echo "libklaviyo 0 libklaviyo0 (>= $2)" > "$root/DEBIAN/shlibs"
    echo 'activate-noawait ldconfig' > "$root/DEBIAN/triggers"
  fi
  rm -f debian/substvars
  [ -z "$programs" ] || dpkg-shlibdeps -Tdebian/substvars \
    -Ldebian/libklaviyo0/DEBIAN/shlibs $programs
  if [ $package = klaviyo-storefront ]; then
    for script in postinst prerm postrm; do
      install -m 755 "$here/$script" "$root/DEBIAN/$script"
    done
    printf '/etc/storefront/web.env\n/etc/storefront/worker.env\n' \
      > "$root/DEBIAN/conffiles"
  fi
  touch debian/substvars
  dpkg-gencontrol -p$package -P"$root" -Tdebian/substvars -fdebian/files
  (cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' |
    sort -z | xargs -0 md5sum > DEBIAN/md5sums)
  chmod -R u=rwX,go=rX "$root"
  chmod 640 "$root"/etc/storefront/*.env 2> /dev/null || true
  chmod 755 "$root"/DEBIAN/postinst "$root"/DEBIAN/p*rm 2> /dev/null || true
  dpkg-deb --root-owner-group -Zxz -b "$root" \
    "${package}_${version}_$arch.deb" > /dev/null
  echo "${package}_${version}_$arch.deb"
done
