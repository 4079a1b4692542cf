<?php

declare(strict_types=1);

require __DIR__ . '/../src/visits.php';

if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) === '/healthz') {
    echo 'ok';
    return;
}
header('Content-Type: application/json');
echo json_encode(['service' => 'php-app', 'visits' => countVisit('/data/visits.sqlite'), 'user' => get_current_user()]);
