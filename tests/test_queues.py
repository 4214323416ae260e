"""Queues, in sessions and eagerly; queue runners and their coordinator."""

import threading
import time

import numpy as np
import pytest

import reflow as tf

v1 = tf.compat.v1


@pytest.fixture
def session(graph):
    with v1.Session(graph=graph) as session:
        yield session


def in_thread(function, *args):
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


def ended(thread):
    thread.join(10)
    return not thread.is_alive()


# Order, batches, shapes ---------------------------------------------------------------------------


def test_elements_come_out_as_they_went_in(session):
    queue = tf.queue.FIFOQueue(10, [tf.int32, tf.string], [[2], []])
    put = queue.enqueue(([1, 2], "a"))
    put_many = queue.enqueue_many(([[3, 4], [5, 6]], ["b", "c"]))
    one, batch, size = queue.dequeue(), queue.dequeue_many(2), queue.size()
    session.run(put)
    session.run(put_many)
    assert session.run(size) == 3 and session.run(size).dtype == np.int32
    number, text = session.run(one)
    assert number.tolist() == [1, 2] and text == b"a"
    numbers, texts = session.run(batch)
    assert numbers.tolist() == [[3, 4], [5, 6]] and texts.tolist() == [b"b", b"c"]
    assert one[0].shape == [2] and batch[0].shape == [2, 2] and batch[1].shape == [2]
    assert queue.dequeue_up_to(5)[0].shape.as_list() == [None, 2]


def test_names_of_nodes_are_tensorflows(graph):
    queue = v1.FIFOQueue(10, tf.float32, shapes=[[]])
    assert queue.name == "fifo_queue" and queue.queue_ref.dtype is tf.resource
    assert queue.enqueue(1.0).name == "fifo_queue_enqueue"
    assert queue.enqueue_many([[1.0]]).name == "fifo_queue_EnqueueMany"
    assert queue.dequeue().op.name == "fifo_queue_Dequeue"
    assert queue.dequeue_many(2).op.name == "fifo_queue_DequeueMany"
    assert queue.dequeue_up_to(2).op.name == "fifo_queue_DequeueUpTo"
    assert queue.close().name == "fifo_queue_Close"
    assert queue.size().op.name == "fifo_queue_Size"
    assert queue.is_closed().op.name == "fifo_queue_Is_Closed"


def test_elements_with_names_are_dictionaries(session):
    queue = tf.queue.FIFOQueue(3, [tf.int32, tf.float32], [[], []], names=["i", "f"])
    session.run(queue.enqueue({"f": 1.5, "i": 2}))
    assert session.run(queue.dequeue()) == {"i": 2, "f": 1.5}
    with pytest.raises(ValueError, match="do not match names"):
        queue.enqueue({"i": 2})
    with pytest.raises(ValueError, match="must enqueue a dictionary"):
        queue.enqueue((2, 1.5))


def test_batches_of_elements_of_any_size_are_padded(session):
    queue = tf.queue.PaddingFIFOQueue(9, [tf.int32, tf.string], [[None, 2], [None]])
    put = v1.placeholder(tf.int32, [None, 2]), v1.placeholder(tf.string, [None])
    enqueue = queue.enqueue(put)
    session.run(enqueue, {put[0]: [[1, 2]], put[1]: ["a", "b"]})
    session.run(enqueue, {put[0]: [[3, 4], [5, 6]], put[1]: ["c"]})
    numbers, texts = session.run(queue.dequeue_many(2))
    assert numbers.tolist() == [[[1, 2], [0, 0]], [[3, 4], [5, 6]]]
    assert texts.tolist() == [[b"a", b"b"], [b"c", b""]]


def test_small_priorities_come_first(session):
    queue = tf.queue.PriorityQueue(9, [tf.string], [[]])
    session.run(queue.enqueue_many(([3, 1, 2], ["c", "a", "b"])))
    priorities, texts = session.run(queue.dequeue_many(3))
    assert priorities.tolist() == [1, 2, 3] and texts.tolist() == [b"a", b"b", b"c"]


def test_random_order_is_tensorflows(session):
    queue = tf.queue.RandomShuffleQueue(100, 0, [tf.int32], [[]], seed=12)
    session.run(queue.enqueue_many([np.arange(20)]))
    got = session.run(queue.dequeue_many(20)).tolist()
    # tf.queue.RandomShuffleQueue(100, 0, [tf.int32], [[]], seed=12) in TensorFlow 2.21
    assert got == [2, 1, 9, 19, 3, 14, 8, 13, 17, 4, 15, 0, 12, 11, 18, 5, 16, 10, 6, 7]


def test_enough_to_choose_from_stays_behind(session):
    queue = tf.queue.RandomShuffleQueue(10, 2, [tf.int32], [[]])
    session.run(queue.enqueue_many([[1, 2, 3]]))
    take = queue.dequeue()
    first = session.run(take)
    with pytest.raises(tf.errors.DeadlineExceededError):
        session.run(take, options=v1.RunOptions(timeout_in_ms=100))
    session.run(queue.close())
    assert {first, session.run(take), session.run(take)} == {1, 2, 3}


# Waiting and closing ------------------------------------------------------------------------------


def test_putting_waits_for_room(session):
    queue = tf.queue.FIFOQueue(2, [tf.int32], [[]])
    put, take, size = queue.enqueue(1), queue.dequeue(), queue.size()
    session.run(put)
    session.run(put)
    thread = in_thread(session.run, put)
    time.sleep(0.1)
    assert thread.is_alive() and session.run(size) == 2
    session.run(take)
    assert ended(thread) and session.run(size) == 2


def test_a_batch_may_be_larger_than_the_queue(session):
    queue = tf.queue.FIFOQueue(2, [tf.int32], [[]])
    put, take = queue.enqueue_many([list(range(7))]), queue.dequeue_many(7)
    thread = in_thread(session.run, put)
    assert session.run(take).tolist() == list(range(7))
    assert ended(thread)


def test_both_sides_of_a_queue_in_one_run(session):
    queue = tf.queue.FIFOQueue(1, [tf.int32], [[]])
    put, take = queue.enqueue(v1.placeholder_with_default(5, [])), queue.dequeue()
    for _ in range(5):
        assert session.run([take, put])[0] == 5


def test_a_closed_queue_says_so(session):
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[]], name="q")
    put, take, many = queue.enqueue(1), queue.dequeue(), queue.dequeue_many(2)
    fewer, is_closed = queue.dequeue_up_to(2), queue.is_closed()
    session.run(put)
    assert not session.run(is_closed)
    session.run(queue.close())
    assert session.run(is_closed)
    with pytest.raises(tf.errors.OutOfRangeError) as info:
        session.run(many)
    assert "is closed and has insufficient elements (requested 2, current size 1)" in str(
        info.value
    )
    assert "FIFOQueue '_" in str(info.value) and "_q'" in str(info.value)
    assert session.run(fewer).tolist() == [1]
    with pytest.raises(tf.errors.OutOfRangeError, match=r"requested 1, current size 0"):
        session.run(take)
    with pytest.raises(tf.errors.CancelledError, match="is closed"):
        session.run(put)


def test_closing_ends_the_waiting_of_those_that_take(session):
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[]])
    take, caught = queue.dequeue(), []

    def consume():
        try:
            session.run(take)
        except tf.errors.OutOfRangeError as error:
            caught.append(error)

    thread = in_thread(consume)
    time.sleep(0.1)
    session.run(queue.close())
    assert ended(thread) and len(caught) == 1


@pytest.mark.parametrize("cancel", [False, True])
def test_closing_waits_for_those_that_put_or_cancels_them(session, cancel):
    queue = tf.queue.FIFOQueue(1, [tf.int32], [[]])
    put, take, results = queue.enqueue(1), queue.dequeue(), []

    def produce():
        try:
            results.append(session.run(put))
        except tf.errors.CancelledError:
            results.append("cancelled")

    session.run(put)
    producer = in_thread(produce)
    time.sleep(0.1)
    closer = in_thread(session.run, queue.close(cancel_pending_enqueues=cancel))
    if cancel:
        assert ended(closer) and ended(producer)
        assert results == ["cancelled"] and session.run(take) == 1
    else:
        assert session.run(take) == 1 and session.run(take) == 1
        assert ended(closer) and ended(producer)
        assert results == [None]
    with pytest.raises(tf.errors.OutOfRangeError):
        session.run(take)


def test_waiting_has_a_deadline_and_ends_with_the_session(graph):
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[]])
    take, put, size = queue.dequeue(), queue.enqueue(1), queue.size()
    with v1.Session() as session:
        with pytest.raises(tf.errors.DeadlineExceededError, match="waiting for"):
            session.run(take, options=v1.RunOptions(timeout_in_ms=100))
        session.run(put)
        time.sleep(0.2)
        assert session.run(size) == 1  # nobody is left waiting for it
        session.run(take)
        caught = []

        def consume():
            try:
                session.run(take)
            except tf.errors.CancelledError as error:
                caught.append(error)

        thread = in_thread(consume)
        time.sleep(0.1)
    assert ended(thread) and "closed" in str(caught[0])


def test_waiting_inside_of_a_branch_has_a_deadline_too(session):
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[]])
    condition = v1.placeholder(tf.bool, [])
    taken = tf.cond(condition, lambda: queue.dequeue(), lambda: tf.constant(-1))
    assert session.run(taken, {condition: False}) == -1
    with pytest.raises(tf.errors.DeadlineExceededError):
        session.run(taken, {condition: True}, options=v1.RunOptions(timeout_in_ms=100))
    session.run(queue.enqueue(3))
    assert session.run(taken, {condition: True}) == 3


def test_a_failing_run_takes_nothing_later(session):
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[]])
    other = tf.queue.FIFOQueue(4, [tf.int32], [[]])
    session.run(other.close())
    with pytest.raises(tf.errors.OutOfRangeError):
        session.run([queue.dequeue(), other.dequeue()])
    time.sleep(0.2)
    session.run(queue.enqueue(1))
    time.sleep(0.2)
    assert session.run(queue.size()) == 1


def test_what_does_not_fit_is_refused(session):
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[2]])
    with pytest.raises(ValueError, match="incompatible"):
        queue.enqueue([[1, 2, 3]])
    fed = v1.placeholder(tf.int32)
    put, put_many = queue.enqueue([fed]), queue.enqueue_many([fed])
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"Shape mismatch in tuple component 0. Expected \[2\], got \[3\]",
    ):
        session.run(put, {fed: [1, 2, 3]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected \[1,2\], got \[1,3\]"):
        session.run(put_many, {fed: [[1, 2, 3]]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="requested -1 < 0 elements"):
        session.run(queue.dequeue_many(-1))
    loose = tf.queue.FIFOQueue(4, [tf.int32])
    with pytest.raises(tf.errors.InvalidArgumentError, match="to have specified shapes"):
        session.run(loose.dequeue_many(1))
    assert session.run(queue.dequeue_many(0)).shape == (0, 2)


def test_a_shared_name_means_one_queue(session):
    first = tf.queue.FIFOQueue(4, [tf.int32], [[]], shared_name="s", name="a")
    second = tf.queue.FIFOQueue(4, [tf.int32], [[]], shared_name="s", name="b")
    wrong = tf.queue.FIFOQueue(4, [tf.float32], [[]], shared_name="s", name="c")
    session.run(first.enqueue(3))
    assert session.run(second.dequeue()) == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="Shared queue 's' has types"):
        session.run(wrong.size())


def test_each_session_has_its_own(graph):
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[]])
    put, size = queue.enqueue(1), queue.size()
    with v1.Session() as one, v1.Session() as two:
        one.run(put)
        assert one.run(size) == 1 and two.run(size) == 0


def test_eager_queues():
    queue = tf.queue.FIFOQueue(4, [tf.int32], [[]])
    queue.enqueue(3)
    queue.enqueue_many([[4, 5]])
    assert queue.size().numpy() == 3
    assert queue.dequeue().numpy() == 3
    assert queue.dequeue_many(2).numpy().tolist() == [4, 5]
    queue.close()
    with pytest.raises(tf.errors.OutOfRangeError, match="insufficient elements"):
        queue.dequeue()


def test_from_list(session):
    queues = [tf.queue.FIFOQueue(4, [tf.int32], [[]]) for _ in range(2)]
    session.run(tf.queue.QueueBase.from_list(1, queues).enqueue(3))
    assert session.run([queue.size() for queue in queues]) == [0, 1]
    with pytest.raises(tf.errors.UnimplementedError, match="from_list"):
        tf.queue.QueueBase.from_list(v1.placeholder(tf.int32, []), queues)


# Coordinator and queue runners --------------------------------------------------------------------


def test_exceptions_of_threads_reach_join():
    coord = tf.train.Coordinator()

    def work():
        with coord.stop_on_exception():
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        coord.join([in_thread(work)])
    assert coord.joined and coord.should_stop()
    with pytest.raises(RuntimeError, match="broken"):
        coord.raise_requested_exception()
    with pytest.raises(ValueError, match="late"):
        coord.request_stop(ValueError("late"))
    coord.clear_stop()
    assert not coord.joined and not coord.should_stop()


def test_a_regular_end_is_no_exception():
    coord = tf.train.Coordinator()
    coord.request_stop(tf.errors.OutOfRangeError(None, None, "enough"))
    coord.join([])


def test_threads_that_go_on_are_named():
    coord, end = tf.train.Coordinator(), threading.Event()
    thread = threading.Thread(target=end.wait, name="sleeper", daemon=True)
    thread.start()
    coord.request_stop()
    with pytest.raises(RuntimeError, match="threads still running: sleeper"):
        coord.join([thread], stop_grace_period_secs=0.05)
    coord.clear_stop()
    coord.request_stop()
    coord.join([thread], stop_grace_period_secs=0.05, ignore_live_threads=True)
    end.set()


def test_looper_threads_loop_until_the_stop():
    coord, calls = tf.train.Coordinator(), []

    def tick(n):
        calls.append(n)
        if len(calls) == 3:
            raise ValueError("third")

    v1.train.LooperThread.loop(coord, 0.01, tick, args=(7,))
    with pytest.raises(ValueError, match="third"):
        coord.join()
    assert calls == [7, 7, 7]


def test_queue_runners_fill_until_they_are_asked_to_stop(session):
    queue = tf.queue.FIFOQueue(3, [tf.int32], [[]])
    runner = v1.train.QueueRunner(queue, [queue.enqueue(1), queue.enqueue(2)])
    v1.train.add_queue_runner(runner)
    coord = tf.train.Coordinator()
    threads = v1.train.start_queue_runners(session, coord)
    assert len(threads) == 3 and runner.create_threads(session) == []
    assert set(session.run(queue.dequeue_many(20)).tolist()) <= {1, 2}
    coord.request_stop()
    coord.join(threads, stop_grace_period_secs=10)
    assert session.run(queue.is_closed())


def test_the_last_thread_of_a_runner_closes_the_queue(session):
    source = tf.queue.FIFOQueue(9, [tf.int32], [[]])
    session.run(source.enqueue_many([[1, 2, 3, 4, 5]]))
    session.run(source.close())
    queue = tf.queue.FIFOQueue(9, [tf.int32], [[]])
    enqueue = queue.enqueue(source.dequeue() * 2)
    runner = v1.train.QueueRunner(queue, [enqueue, enqueue])
    coord = tf.train.Coordinator()
    runner.create_threads(session, coord, start=True, daemon=True)
    take, got = queue.dequeue(), []
    with pytest.raises(tf.errors.OutOfRangeError):
        while True:
            got.append(int(session.run(take)))
    assert sorted(got) == [2, 4, 6, 8, 10]
    coord.request_stop()
    coord.join(stop_grace_period_secs=10)


def test_exceptions_of_a_runner_stop_the_coordinator(session):
    queue = tf.queue.FIFOQueue(9, [tf.int32], [[2]])
    fed = v1.placeholder_with_default([1, 2, 3], None)
    runner = v1.train.QueueRunner(queue, [queue.enqueue([fed])])
    coord = tf.train.Coordinator()
    threads = runner.create_threads(session, coord, start=True, daemon=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Shape mismatch"):
        coord.join(threads)


def test_a_runner_as_a_message(session):
    queue = tf.queue.FIFOQueue(9, [tf.int32], [[]])
    runner = v1.train.QueueRunner(queue, [queue.enqueue(1)])
    message = runner.to_proto()
    assert message.queue_name == "fifo_queue"
    assert list(message.enqueue_op_name) == ["fifo_queue_enqueue"]
    assert message.cancel_op_name == "fifo_queue_Close_1"
    again = v1.train.QueueRunner.from_proto(message)
    assert again.enqueue_ops == runner.enqueue_ops and again.name == runner.name
    assert again.queue_closed_exception_types == (tf.errors.OutOfRangeError,)


def test_runners_need_a_graph():
    with pytest.raises(RuntimeError, match="eager"):
        v1.train.QueueRunner()


# FIFOQueueV2 PaddingFIFOQueueV2 PriorityQueueV2 RandomShuffleQueueV2 QueueEnqueueV2 QueueEnqueueManyV2
# QueueDequeueV2 QueueDequeueManyV2 QueueDequeueUpToV2 QueueCloseV2 QueueIsClosedV2 QueueSizeV2
