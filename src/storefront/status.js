/* status.js - keeps the operator's page fresh.  Without it the page is the one
 * of the moment it was loaded. */
(function () {
	'use strict'

	/* What somebody reads, or is about to press, is not taken from them. */
	function busy () {
		return document.hidden ||
			document.querySelector('details[open], main button:focus') ||
			String(document.getSelection())
	}

	function fresh () {
		if (busy())
			return later()
		fetch('/', { cache: 'no-store' }).then(function (answer) {
			if (!answer.ok)
				throw new Error(answer.status)
			return answer.text()
		}).then(function (text) {
			var page = new DOMParser().parseFromString(text, 'text/html')

			if (!busy())
				['.at', '#all'].forEach(function (part) {
					document.querySelector(part).replaceWith(
						page.querySelector(part))
				})
			document.body.classList.remove('lost')
		}).catch(function () {
			document.body.classList.add('lost')
		}).then(later)
	}

	function later () {
		setTimeout(fresh, 10000)
	}

	document.addEventListener('visibilitychange', function () {
		if (!document.hidden && !busy())
			location.replace('/')
	})
	later()
}())
