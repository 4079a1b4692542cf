import json
import unittest

from app import count, create


class Words(unittest.TestCase):
    def test_words_are_counted_without_regard_to_case(self):
        self.assertEqual(count("One two, one."), {"one": 2, "two": 1})

    def test_the_service_answers(self):
        answer = create().test_client().post("/words", data="a b a")
        self.assertEqual(json.loads(answer.get_data()), {"a": 2, "b": 1})
