<?php
/* index.php - which page it is. */
declare(strict_types=1);

require __DIR__ . '/' . (str_starts_with($_SERVER['DOCUMENT_URI'], '/products/')
	? 'product.php' : 'checkout.php');
