# embed.S - texts that the program carries: the schema, the demo catalogue.
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
	.global demo_csv
	.type demo_csv, %object
demo_csv:
	.incbin "src/storefront/demo.csv"
	.byte 0
	.size demo_csv, . - demo_csv
	.section .note.GNU-stack, "", %progbits
