/*
 * page_entry.js - one entry of the list: what it is in words, and in detail.
 */
(function () {
	'use strict'

	var S = window.sandbox
	var make = S.make, number = S.number, plural = S.plural,
		pretty = S.pretty, words = S.words, article = S.article

	/* What an entry is, in words */

	function person (entry) {
		var id = entry.person

		return S.profiles.find(function (p) {
			return p.id === id || (id && p.merged.indexOf(id) >= 0)
		})
	}

	function who (entry) {
		var p = person(entry)

		return (p && p.who) || entry.who || ''
	}

	function job (entry) {
		return S.status && S.status.catalog.jobs.find(function (j) {
			return j.id === entry.job
		})
	}

	function title (entry) {
		if (entry.metric)
			return entry.metric
		if (entry.kind === 'consent')
			return entry.change === 'subscribe' ? 'Subscribe' : 'Unsubscribe'
		if (entry.kind === 'back_in_stock')
			return 'Back in stock'
		if (entry.kind === 'merge')
			return 'Merge profiles'
		if (entry.kind === 'catalog')
			return entry.doing[0].toUpperCase() + entry.doing.slice(1) + ' ' +
				plural(entry.count, entry.what, entry.what === 'category' ?
					'categories' : entry.what + 's')
		if (entry.kind === 'profile')
			return entry.side === 'browser' ? 'Identify' : 'Profile'
		return entry.method + ' ' + entry.path.split('?')[0]
	}

	/* "email, SMS": marketing is what goes without saying */
	function channels (entry) {
		return entry.channels.map(function (c) {
			return words(c.toLowerCase().replace('.marketing', ''))
		}).join(', ')
	}

	function progress (j) {
		if (!j)
			return ''
		return j.attributes.failed_count ?
			number(j.attributes.failed_count) + ' failed' :
			j.attributes.status
	}

	function value (entry) {
		if (entry.channels)
			return channels(entry)
		if (entry.job)
			return progress(job(entry))
		if (entry.value === undefined)
			return ''
		if (entry.value_currency)
			try {
				return new Intl.NumberFormat('en', { style: 'currency',
					currency: entry.value_currency }).format(entry.value)
			} catch (e) { /* not a currency of this browser */ }
		return entry.value + ' ' + (entry.value_currency || '')
	}

	function reason (entry) {
		var e = entry.errors && entry.errors[0]

		if (e)
			return e.status + ' ' + ((e.source && e.source.pointer) || '') +
				' ' + e.detail
		return entry.outcome === 'fault' ? 'Fault: ' + entry.fault : ''
	}

	/* Without one the time stands in, which is no name to show. */
	function givenId (entry) {
		if (entry.variant)
			return article(entry.variant)
		if (entry.job)
			return entry.job.slice(-8)
		return entry.list || (entry.attributes && entry.attributes.unique_id) || ''
	}

	/* The list */

	function fact (list, name, content) {
		if (content !== '' && content !== undefined && content !== null)
			list.append(make('dt', name), make('dd', content))
	}

	function jobFacts (list, entry) {
		var j = job(entry)

		fact(list, 'Job', make('code', entry.job))
		if (!j)
			return
		fact(list, 'Asked after', plural(j.polls, 'time', 'times'))
		if (j.attributes.status === 'complete')
			fact(list, 'Done', number(j.attributes.completed_count) + ' of ' +
				number(j.attributes.total_count))
	}

	function facts (entry) {
		var list = make('dl.facts'), p = person(entry), button

		if (p) {
			button = make('button.link', p.who || p.id)
			button.onclick = function () { S.choose('person', p.id) }
			fact(list, 'Person', button)
		} else {
			fact(list, 'Person', entry.who)
		}
		fact(list, 'Request', entry.method + ' ' + entry.path + ' → ' +
			(entry.status || 'no answer'))
		fact(list, entry.channels ? 'Channels' : entry.job ? 'Job is' : 'Value',
			value(entry))
		if (entry.time)
			fact(list, 'Time', entry.time.replace('.000Z', 'Z') +
				(entry.backfill ? ' (backfill)' : ''))
		if (entry.was !== undefined)
			fact(list, 'Took in', make('code', entry.source))
		else
			fact(list, 'Source', entry.source)
		if (entry.list)
			fact(list, 'List', make('code', entry.list))
		if (entry.variant)
			fact(list, 'Variant', make('code', article(entry.variant)))
		if (entry.job)
			jobFacts(list, entry)
		else if (entry.kind === 'event' && givenId(entry))
			fact(list, 'unique_id', make('code', givenId(entry)))
		else if (entry.unique_id)
			fact(list, 'unique_id', 'none: the second it arrived, ' +
				entry.unique_id + ', stands in')
		fact(list, 'Fault', entry.fault)
		return list
	}

	function request (entry) {
		var text = entry.method + ' ' + entry.path + '\n', body

		Object.keys(entry.headers || {}).forEach(function (name) {
			text += name + ': ' + entry.headers[name] + '\n'
		})
		if (entry.body !== undefined) {
			try {
				body = JSON.stringify(JSON.parse(entry.body), null, 2)
			} catch (e) {
				body = entry.body
			}
		} else if (entry.attributes && /event(s|s\/)(\?|$)/.test(entry.path)) {
			body = JSON.stringify({ data: { type: 'event',
				attributes: Object.assign({}, entry.attributes,
					{ profile: { data: entry.profile } }) } }, null, 2)
		} else {
			body = JSON.stringify(entry.attributes ? { event:
				entry.attributes, profile: entry.profile } :
				{ data: entry.profile }, null, 2)
		}
		return text + '\n' + body
	}

	function section (box, name, content) {
		box.append(make('h3', name), content)
	}

	function errors (entry) {
		return make.apply(null, ['ul.errors'].concat(
			entry.errors.map(function (e) {
				var li = make('li', e.status + ' ' + e.title + ' ')

				if (e.source && e.source.pointer)
					li.append(make('code', e.source.pointer), ' ')
				li.append(e.detail)
				return li
			})))
	}

	function detail (entry) {
		var box = make('div.detail'), raw = make('details')

		box.append(facts(entry))
		if (entry.errors && entry.errors.length)
			section(box, 'Refused because', errors(entry))
		if (entry.job && job(entry) && job(entry).attributes.errors.length)
			section(box, 'What failed', errors(job(entry).attributes))
		if (entry.remarks && entry.remarks.length)
			section(box, 'Remarks', make.apply(null, ['ul.remarks'].concat(
				entry.remarks.map(function (r) {
					return make('li', r)
				}))))
		if (entry.attributes)
			section(box, 'Properties', pretty(entry.attributes.properties))
		else if (entry.profile)
			section(box, 'Profile', pretty(entry.profile.attributes))
		raw.append(make('summary', 'Request as received'))
		raw.addEventListener('toggle', function () {
			if (raw.open && raw.children.length === 1)
				raw.append(pretty(request(entry)))
		})
		box.append(raw)
		return box
	}

	S.person = person
	S.who = who
	S.title = title
	S.value = value
	S.reason = reason
	S.givenId = givenId
	S.fact = fact
	S.section = section
	S.detail = detail
})()
