<?php

declare(strict_types=1);

$answer = @file_get_contents('http://127.0.0.1:8080/healthz');
exit($answer === 'ok' ? 0 : 1);
