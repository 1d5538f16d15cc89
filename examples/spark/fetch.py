"""Fetches a list of URLs on Spark, and writes one record for each.

spark-submit --files FETCH fetch.py LIST RECORDS PARTITIONS

All URLs of a host are in one partition. Exits with 1 if there are not as many records as URLs.
"""

import sys

from pyspark.sql import SparkSession

source, target, partitions = sys.argv[1:]

URLS = f"""
    SELECT trim(value) AS url
    FROM text.`{source}`
    WHERE trim(value) != '' AND NOT startswith(trim(value), '#')
"""

# No parse_url: it finds no host in what java.net.URI does not like, such as a `|`.
HOSTS = r"""
    SELECT url, lower(regexp_extract(url, r'^(?:\w+://)?(?:[^/?#]*@)?(\[.*?\]|[^/?#:]*)')) AS host
    FROM urls
"""

# No DISTRIBUTE BY: adaptive execution may put all of that into one partition.
RECORDS = f"""
    SELECT TRANSFORM (url) USING './fetch - --format jsonl --quiet --exit-zero' AS (record STRING)
    FROM (SELECT /*+ REPARTITION({partitions}, host) */ url, host FROM hosts)
"""

with SparkSession.builder.appName("fetch").getOrCreate() as spark:
    spark.sql(URLS).createOrReplaceTempView("urls")
    spark.sql(HOSTS).createOrReplaceTempView("hosts")
    # Counted where they were written: asked for the rows again, Spark would fetch again.
    spark.sql(RECORDS).write.text(target)
    read, written = spark.table("urls").count(), spark.read.text(target).count()

print(f"{read} URLs, {written} records")
sys.exit(read != written)
