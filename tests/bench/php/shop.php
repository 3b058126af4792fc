<?php
/*
 * shop.php - what the peer's pages share: database, what is kept, money, texts.
 *
 * How it is tuned, and why: opcache without a look at the files, JIT, 8 static
 * workers (php-fpm.conf); the database's connection is kept from request to
 * request (PDO's persistent ones), as is what is made of the catalogue (APCu),
 * for as long as SQLite says that nobody has written: a changed price shows at
 * the next request, as in the storefront.  settings.php is written by peers.py.
 */
declare(strict_types=1);

require __DIR__ . '/settings.php';

function db(): PDO
{
	static $db = null;
	return $db ??= new PDO('sqlite:' . DATABASE, null, null, [
		PDO::ATTR_PERSISTENT => true,
		PDO::ATTR_TIMEOUT => 10,
		PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
		PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
	]);
}

function rows(string $sql, array $arguments = []): array
{
	$statement = db()->prepare($sql);
	$statement->execute($arguments);
	return $statement->fetchAll();
}

/* What make() returns, made again when the database has changed.  The number is
   this connection's, so each worker keeps its own. */
function kept(string $name, callable $make): mixed
{
	static $version = null;
	$version ??= db()->query('PRAGMA data_version')->fetchColumn();
	$key = getmypid() . $name;
	$found = apcu_fetch($key);
	if ($found !== false && $found[0] === $version)
		return $found[1];
	$made = $make();
	apcu_store($key, [$version, $made]);
	return $made;
}

function h(string $text): string
{
	return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

/* Of US dollars, which the bench's shop sells in. */
function money(int $cents): string
{
	return '$' . number_format(intdiv($cents, 100)) .
		sprintf('.%02d', $cents % 100);
}

function amount(int $cents): int|float
{
	return $cents % 100 === 0 ? intdiv($cents, 100) : $cents / 100;
}

function b64(string $bytes): string
{
	return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

function mac(string $purpose, string $text): string
{
	return b64(substr(hash_hmac('sha256', "$purpose\0$text", SECRET, true),
		0, 16));
}

/* The visitor's session, or null: nothing is asked for a cookie of nobody's. */
function session(): ?array
{
	$token = $_COOKIE['sid'] ?? '';
	$dot = strrpos($token, '.');
	if ($dot === false || !hash_equals(
		mac('session', substr($token, 0, $dot)), substr($token, $dot + 1)))
		return null;
	$id = b64(hash('sha256', $token, true));
	return rows('SELECT s.id, s.cart, s.email, l.account FROM session s ' .
		'LEFT JOIN login l ON l.session = s.id ' .
		'WHERE s.id = ? AND s.seen_at > ?', [$id, time() - 30 * 86400])[0]
		?? null;
}
