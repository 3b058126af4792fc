# embed.S - texts that the program carries: the schema with its triggers, the
# demo catalogue, and what the operator's page looks like and does.
	.section .rodata
	.global schema_sql
	.type schema_sql, %object
schema_sql:
	.incbin "src/storefront/schema.sql"
	.byte 0
	.size schema_sql, . - schema_sql
	.global schema_3_sql
	.type schema_3_sql, %object
schema_3_sql:
	.incbin "src/storefront/schema_3.sql"
	.byte 0
	.size schema_3_sql, . - schema_3_sql
	.global schema_4_sql
	.type schema_4_sql, %object
schema_4_sql:
	.incbin "src/storefront/schema_4.sql"
	.byte 0
	.size schema_4_sql, . - schema_4_sql
	.global schema_5_sql
	.type schema_5_sql, %object
schema_5_sql:
	.incbin "src/storefront/schema_5.sql"
	.byte 0
	.size schema_5_sql, . - schema_5_sql
	.global schema_6_sql
	.type schema_6_sql, %object
schema_6_sql:
	.incbin "src/storefront/schema_6.sql"
	.byte 0
	.size schema_6_sql, . - schema_6_sql
	.global schema_7_sql
	.type schema_7_sql, %object
schema_7_sql:
	.incbin "src/storefront/schema_7.sql"
	.byte 0
	.size schema_7_sql, . - schema_7_sql
	.global collections_fill_sql
	.type collections_fill_sql, %object
collections_fill_sql:
	.incbin "src/storefront/collections_fill.sql"
	.byte 0
	.size collections_fill_sql, . - collections_fill_sql
	.global collections_sqlite_sql
	.type collections_sqlite_sql, %object
collections_sqlite_sql:
	.incbin "src/storefront/collections_sqlite.sql"
	.byte 0
	.size collections_sqlite_sql, . - collections_sqlite_sql
	.global collections_pgsql_sql
	.type collections_pgsql_sql, %object
collections_pgsql_sql:
	.incbin "src/storefront/collections_pgsql.sql"
	.byte 0
	.size collections_pgsql_sql, . - collections_pgsql_sql
	.global marks_sqlite_sql
	.type marks_sqlite_sql, %object
marks_sqlite_sql:
	.incbin "src/storefront/marks_sqlite.sql"
	.byte 0
	.size marks_sqlite_sql, . - marks_sqlite_sql
	.global marks_pgsql_sql
	.type marks_pgsql_sql, %object
marks_pgsql_sql:
	.incbin "src/storefront/marks_pgsql.sql"
	.byte 0
	.size marks_pgsql_sql, . - marks_pgsql_sql
	.global demo_csv
	.type demo_csv, %object
demo_csv:
	.incbin "src/storefront/demo.csv"
	.byte 0
	.size demo_csv, . - demo_csv
	.global status_css
	.type status_css, %object
status_css:
	.incbin "src/storefront/status.css"
	.byte 0
	.size status_css, . - status_css
	.global status_js
	.type status_js, %object
status_js:
	.incbin "src/storefront/status.js"
	.byte 0
	.size status_js, . - status_js
	.section .note.GNU-stack, "", %progbits
