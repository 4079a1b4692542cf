<?php

declare(strict_types=1);

/** Counts visits in a database file that outlives the container. */
function countVisit(string $file): int
{
    $database = new PDO("sqlite:$file");
    $database->exec('CREATE TABLE IF NOT EXISTS visits (at TEXT NOT NULL)');
    $database->exec("INSERT INTO visits VALUES (datetime('now'))");
    return (int) $database->query('SELECT count(*) FROM visits')->fetchColumn();
}
