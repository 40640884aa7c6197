using Dapper;
using InverseSolver.Service.Access;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.ServiceTests;

/// <summary>The queue's laws on a real SQLite file.</summary>
public sealed class StoreTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1), Over = TimeSpan.FromSeconds(-1);
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-store-").FullName;
    private readonly JobDatabase _database;
    private int _added;
    private readonly JobStore _store;

    public StoreTests()
    {
        _database = Open();
        _store = StoreOf(_database);
    }

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Jobs_are_claimed_once_each_and_oldest_first()
    {
        string[] ids = [Add(), Add(), Add()];
        Assert.Equal(ids, Enumerable.Range(0, 3).Select(_ => _store.Claim("me", Minute)!.Id));
        Assert.Null(_store.Claim("me", Minute));
    }

    [Fact]
    public void Workers_that_claim_at_the_same_time_never_get_the_same_job()
    {
        string[] ids = [.. Enumerable.Range(0, 40).Select(_ => Add())];
        var claimed = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(0, 4, worker =>
        {
            while (_store.Claim($"{worker}", Minute) is { } job)
            {
                claimed.Add(job.Id);
            }
        });
        Assert.Equal(ids.Order(), claimed.Order());
    }

    [Fact]
    public void A_job_whose_lease_ended_is_claimed_again_and_its_first_worker_can_change_nothing()
    {
        string id = Add();
        JobRow first = _store.Claim("first", Over)!;
        JobRow second = _store.Claim("second", Minute)!;
        Assert.Equal((id, first.Epoch + 1, 2L), (second.Id, second.Epoch, second.Attempts));
        JobRow before = _store.Get(id)!;

        Assert.False(_store.Renew(id, first.Epoch, Minute));
        Assert.Null(_store.Report(id, first.Epoch, "{}"));
        Assert.False(_store.Succeed(id, first.Epoch, "{}"));
        Assert.False(_store.Fail(id, first.Epoch, "{}"));
        Assert.False(_store.Cancelled(id, first.Epoch));
        Assert.False(_store.Release(id, first.Epoch));
        Assert.Equal(before, _store.Get(id));
        Assert.True(_store.Succeed(id, second.Epoch, "{}"));
    }

    [Fact]
    public void A_final_job_never_changes_again()
    {
        foreach (Func<JobRow, bool> finish in new Func<JobRow, bool>[]
        {
            job => _store.Succeed(job.Id, job.Epoch, "{}"),
            job => _store.Fail(job.Id, job.Epoch, "{}"),
            job => _store.Cancel(job.Id) is not null && _store.Cancelled(job.Id, job.Epoch),
        })
        {
            Add();
            JobRow job = _store.Claim("me", Over)!;
            Assert.True(finish(job));
            JobRow final = _store.Get(job.Id)!;
            Assert.NotNull(final.Finished);
            Assert.False(_store.Succeed(job.Id, job.Epoch, "{}") || _store.Fail(job.Id, job.Epoch, "{}") || _store.Release(job.Id, job.Epoch));
            Assert.Null(_store.Cancel(job.Id));
            Assert.Null(_store.Claim("other", Minute));
            Assert.Empty(_store.FinishLost(1, _ => "{}"));
            Assert.Equal(final, _store.Get(job.Id));
        }
    }

    [Fact]
    public void A_released_job_waits_again_as_if_it_had_not_been_started()
    {
        Add();
        JobRow job = _store.Claim("me", Minute)!;
        Assert.True(_store.Release(job.Id, job.Epoch));
        JobRow again = _store.Claim("me", Minute)!;
        Assert.Equal((job.Id, 1L, job.Epoch + 1), (again.Id, again.Attempts, again.Epoch));
        _store.Cancel(again.Id);
        Assert.True(_store.Release(again.Id, again.Epoch));
        Assert.Equal("cancelled", _store.Get(again.Id)!.State);
    }

    [Fact]
    public void A_job_that_is_lost_too_often_fails()
    {
        string id = Add();
        for (int attempt = 0; attempt < 3; attempt++)
        {
            Assert.Empty(_store.FinishLost(3, _ => "\"lost\""));
            _store.Claim("me", Over);
        }

        Assert.Equal([id], _store.FinishLost(3, _ => "\"lost\""));
        Assert.Equal(("failed", "\"lost\""), (_store.Get(id)!.State, _store.Get(id)!.Error));
        Assert.Null(_store.Claim("me", Minute));
    }

    [Fact]
    public void A_job_whose_checkpoints_advance_is_not_blamed_for_lost_starts()
    {
        string id = Add();
        for (int start = 1; start <= 8; start++)
        {
            JobRow job = _store.Claim("me", Over)!;
            Assert.Equal((start, 1), ((int)job.Attempts, (int)job.Stalls));
            Assert.True(_store.SaveCheckpoint(id, job.Epoch, $"file{start}", "hash", start));
            Assert.Empty(_store.FinishLost(3, _ => "lost"));
        }

        // From here on nothing advances: a checkpoint of the same step is none.
        for (int start = 1; start <= 3; start++)
        {
            Assert.Empty(_store.FinishLost(3, _ => "lost"));
            JobRow job = _store.Claim("me", Over)!;
            Assert.True(_store.SaveCheckpoint(id, job.Epoch, "again", "hash", 8));
            Assert.Equal(("again", 8), (_store.Get(id)!.Checkpoint, (int)_store.Get(id)!.CheckpointSteps));
            Assert.False(_store.SaveCheckpoint(id, job.Epoch - 1, "late", "hash", 9));
        }

        Assert.Equal([id], _store.FinishLost(3, _ => "lost"));
    }

    [Fact]
    public void A_job_that_was_lost_too_often_is_quarantined_with_its_reason()
    {
        IOptions<CallerOptions> quotas = Options.Create(new CallerOptions());
        using var signals = new JobSignals();
        var folder = new JobFolder(StoreOptions.Of(_folder));
        var claims = new JobClaims(_store, folder, signals, StoreOptions.Of(_folder), quotas);
        foreach ((string? progress, string place) in new (string?, string)[]
        {
            (null, "before its first step"),
            ("""{"stage":"pixel","step":4,"of":20,"residual":null,"elapsedSeconds":1,"etaSeconds":null}""", "after step 4 of 20 (pixel)"),
        })
        {
            string id = Add();
            folder.WriteInputs(New(null) with { Id = id }, new Dictionary<string, byte[]>());
            for (int start = 0; start < 3; start++)
            {
                JobRow job = _store.Claim("lost", Over)!;
                if (progress is not null) _store.Report(id, job.Epoch, progress);
            }

            Assert.Null(claims.Next());
            JobError error = _store.Get(id)!.ToJob().Error!;
            Assert.Equal("quarantined", error.Code);
            Assert.Contains($"ended 3 times while it ran this job, each time {place}", error.Detail);

            // Its files tell it too, and a job that was deleted gets none again.
            JobRow row = _store.Get(id)!;
            JobEnd expected = new() { Id = id, State = "failed", Error = row.Error, Finished = row.Finished!.Value };
            Assert.Equal(expected, folder.ReadEnd(id));
            folder.Delete(id);
            folder.WriteEnds(_store.Ends());
            Assert.DoesNotContain(id, folder.Ids());
        }
    }

    [Fact]
    public void Of_jobs_that_a_process_died_of_one_runs_at_a_time_and_keeps_no_other()
    {
        (string first, string suspect, string second) = (Add(), Add(), Add());
        string other = Add();
        Assert.Equal(first, _store.Claim("me", Minute)!.Id);
        Assert.Equal((suspect, second), (_store.Claim("me", Minute)!.Id, _store.Claim("me", Minute)!.Id));
        Change($"UPDATE jobs SET lease_until = 0 WHERE id <> '{first}'");
        JobRow again = _store.Claim("me", Minute)!;
        Assert.Equal((suspect, 2), (again.Id, (int)again.Stalls));

        // The second is next in the queue, and waits until the first has advanced; the other does not wait for it.
        Assert.Equal(other, _store.Claim("me", Minute)!.Id);
        Assert.Null(_store.Claim("me", Minute));
        Assert.True(_store.SaveCheckpoint(suspect, again.Epoch, "file", "hash", 1));
        Assert.Equal(second, _store.Claim("me", Minute)!.Id);
    }

    [Fact]
    public void A_caller_without_a_waiting_job_has_a_place_where_others_fill_the_queue()
    {
        Assert.NotNull(_store.Add(New(null) with { Caller = "many" }, 2));
        Assert.NotNull(_store.Add(New(null) with { Caller = "many" }, 2));
        Assert.Null(_store.Add(New(null) with { Caller = "many" }, 2));
        Assert.NotNull(_store.Add(New(null) with { Caller = "one" }, 2));
        Assert.Null(_store.Add(New(null) with { Caller = "one" }, 2));
        Assert.NotNull(_store.Add(New(null) with { Caller = "another" }, 2));
        Assert.Null(_store.Add(New(null) with { Caller = "last" }, 2));
    }

    [Fact]
    public void Jobs_of_a_caller_that_used_its_seconds_wait_until_they_are_a_day_old()
    {
        string used = Add(caller: "used");
        JobRow job = _store.Claim("me", Minute)!;
        string next = Add(caller: "used"), other = Add(caller: "other");
        Change($"UPDATE jobs SET claimed = claimed - 90000 WHERE id = '{used}'");

        // What runs counts.
        Assert.Equal(other, _store.Claim("me", Minute, seconds: 60)!.Id);
        Assert.Null(_store.Claim("me", Minute, seconds: 60));
        Assert.True(_store.Succeed(used, job.Epoch, "{}"));
        Assert.Null(_store.Claim("me", Minute, seconds: 60));
        Change("UPDATE usage SET hour = hour - 24");
        Assert.Equal(next, _store.Claim("me", Minute, seconds: 60)!.Id);
    }

    [Fact]
    public void Space_is_made_by_the_oldest_jobs_of_the_caller_that_has_most_and_by_those_with_a_time_of_their_own_last()
    {
        string[] ids = [.. new[] { "large", "large", "small", "large" }.Select(caller => Add(caller: caller))];
        foreach (string id in ids) _store.Cancel(id);
        for (int i = 0; i < ids.Length; i++) Change($"UPDATE jobs SET bytes = 100, finished = {i + 1} WHERE id = '{ids[i]}'");
        Change($"UPDATE jobs SET retain = 9 WHERE id = '{ids[0]}'");
        Assert.Empty(_store.Beyond(400));
        Assert.Equal([ids[1]], _store.Beyond(399));
        Assert.Equal([ids[1], ids[2], ids[3], ids[0]], _store.Beyond(0).Order(Comparer<string>.Create(
            (one, two) => Place(one).CompareTo(Place(two)))));
        Assert.Equal(ids[0], _store.Beyond(0)[^1]);
        _store.ForgetInputs(ids[2], 60);
        Assert.Equal(40, _store.BytesOf("small"));

        int Place(string id) => Array.IndexOf([ids[1], ids[2], ids[3], ids[0]], id);
    }

    [Theory]
    [InlineData("created = 'abc'")]
    [InlineData("created = 900000000000000000")]
    [InlineData("created = 1.5")]
    [InlineData("request = '{x'")]
    [InlineData("request = x'00ff'")]
    [InlineData("request = 'null'")]
    [InlineData("progress = x'00ff'")]
    [InlineData("webhook = '{x'")]
    [InlineData("webhook = 'null'")]
    [InlineData("webhook = '{\"url\": \"odd\", \"host\": \"odd\"}'")]
    [InlineData("webhook = x'00ff'")]
    [InlineData("warnings = '7', expires = 9000000000000000000")]
    public void A_damaged_row_is_listed_claimed_and_ended_like_any_other(string damage)
    {
        string id = _store.Add(New(null) with { Webhook = """{"url": "https://example.org/", "host": "example.org"}""" }, 100)!.Id, next = Add();
        Change($"UPDATE jobs SET {damage} WHERE id = '{id}'");
        Assert.Equal(new[] { id, next }.Order(), _store.List(account: null, null, null, 10).Select(row => row.ToJob().Id).Order());
        string[] claimed = [_store.Claim("me", Minute)!.Id, _store.Claim("me", Minute)!.Id];
        Assert.Equal(new[] { id, next }.Order(), claimed.Order());
        Assert.True(_store.Fail(next, _store.Get(next)!.Epoch, "{}"));
        _store.Cancel(id);
        Change("UPDATE jobs SET lease_until = 0");
        Assert.Equal([id], _store.FinishLost(3, _ => "lost"));
        Assert.Equal("cancelled", _store.Get(id)!.State);
        Assert.True(_store.Delete(id));
    }

    [Fact]
    public void Callers_share_the_worker_by_what_they_used_and_their_weights()
    {
        for (int i = 0; i < 6; i++)
        {
            Add(caller: "greedy");
            if (i < 2) Add(caller: "modest");
        }

        // While all runs are short, a running job counts a minute: they take turns, and then the rest is the greedy one's.
        string[] order = [.. Enumerable.Range(0, 8).Select(_ => _store.Claim("me", Minute)!.Caller)];
        Assert.Equal(["greedy", "modest"], order[..2]);
        Assert.Equal(["greedy", "modest"], order[2..4].Order());
        Assert.All(order[4..], caller => Assert.Equal("greedy", caller));

        for (int i = 0; i < 6; i++)
        {
            Add(caller: "light");
            Add(caller: "heavy");
        }

        order = [.. Enumerable.Range(0, 9).Select(_ => _store.Claim("me", Minute, weights: """{"heavy": 2}""")!.Caller)];
        Assert.Equal((3, 6), (order.Count(caller => caller == "light"), order.Count(caller => caller == "heavy")));
        Assert.Null(_store.Claim("me", Minute, ofCaller: 3));
    }

    [Fact]
    public void Seconds_of_solving_count_for_their_caller_and_less_than_others_go_first()
    {
        string used = Add(caller: "used");
        JobRow job = _store.Claim("me", Minute)!;
        using (SqliteConnection connection = _database.Open())
        {
            connection.Execute("UPDATE jobs SET claimed = claimed - 90000 WHERE id = @used", new { used });
        }

        Assert.True(_store.Succeed(used, job.Epoch, "{}"));
        Assert.InRange(_store.SecondsOf("used"), 89, 95);
        (string second, string first) = (Add(caller: "used"), Add(caller: "fresh"));
        Assert.Equal([first, second], new[] { _store.Claim("me", Minute)!.Id, _store.Claim("me", Minute)!.Id });
    }

    [Fact]
    public void Priority_is_worth_ten_minutes_of_waiting()
    {
        (string low, string normal, string high, string old) = (Add(priority: -1), Add(), Add(priority: 1), Add());
        using (SqliteConnection connection = _database.Open())
        {
            connection.Execute("UPDATE jobs SET created = created - 660000 WHERE id = @old", new { old });
        }

        Assert.Equal([old, high, normal, low], Enumerable.Range(0, 4).Select(_ => _store.Claim("me", Minute)!.Id));
    }

    [Fact]
    public void A_caller_has_at_most_its_number_of_waiting_jobs_and_is_told_its_place()
    {
        Add(caller: "other");
        string mine = Add(caller: "mine");
        Assert.Null(_store.Add(New(null) with { Caller = "mine" }, 100, 1));
        Assert.NotNull(_store.Add(New(null) with { Caller = "another" }, 100, 1));
        Assert.Equal((1L, 7L, 0.0, 2L), (_store.WaitingOf("mine"), _store.BytesOf("mine"), _store.SecondsOf("mine"), _store.PositionOf("mine")));
        _store.Cancel(mine);
        Assert.Equal((0L, 0L), (_store.WaitingOf("mine"), _store.PositionOf("mine")));
    }

    [Fact]
    public void A_job_that_was_asked_to_stop_does_not_succeed()
    {
        string id = Add();
        JobRow job = _store.Claim("me", Minute)!;
        _store.Cancel(id);
        Assert.False(_store.Succeed(id, job.Epoch, "{}"));
        Assert.True(_store.Cancelled(id, job.Epoch));
        Assert.Equal("cancelled", _store.Get(id)!.State);
    }

    [Fact]
    public void A_lost_job_that_was_to_stop_is_cancelled()
    {
        string id = Add();
        _store.Claim("me", Over);
        _store.Cancel(id);
        Assert.Equal([id], _store.FinishLost(3, _ => "{}"));
        Assert.Equal("cancelled", _store.Get(id)!.State);
    }

    [Fact]
    public void A_starting_process_takes_over_what_another_was_running_but_not_its_own()
    {
        Add();
        _store.Claim("old", Minute);
        Assert.Null(_store.Claim("new", Minute));
        Assert.Equal(0, _store.ExpireOthers("old"));
        Assert.Equal(1, _store.ExpireOthers("new"));
        Assert.NotNull(_store.Claim("new", Minute));
    }

    [Fact]
    public void Capacity_and_keys_are_kept_in_the_same_statement_that_stores()
    {
        Add(key: "k");
        Assert.Null(_store.Add(New("k"), 10));
        Add();
        Assert.Null(_store.Add(New(null), 2));
        _store.Claim("me", Minute);
        Assert.NotNull(_store.Add(New(null), 2));
    }

    [Fact]
    public void Every_change_raises_the_version()
    {
        Add();
        JobRow job = _store.Claim("me", Minute)!;
        long reported = _store.Report(job.Id, job.Epoch, "{}")!.Value;
        _store.Succeed(job.Id, job.Epoch, "{}");
        Assert.True(job.Version < reported && reported < _store.Get(job.Id)!.Version);
    }

    [Fact]
    public void A_data_folder_belongs_to_one_process_and_is_kept_when_it_is_opened_again()
    {
        string id = Add();
        Assert.Throws<StartRefusedException>(Open);
        _database.Dispose();
        using JobDatabase again = Open();
        Assert.Equal("queued", StoreOf(again).Get(id)!.State);
    }

    // A page in the middle is overwritten: the header, and with it the file's opening, stays good.
    [Fact]
    public void A_database_with_a_damaged_page_is_not_opened()
    {
        for (int i = 0; i < 90; i++)
        {
            Add();
        }

        _database.Dispose();
        string file = Path.Combine(_folder, "jobs.db");
        byte[] bytes = File.ReadAllBytes(file);
        bytes.AsSpan(bytes.Length / 8192 * 4096, 4096).Fill(0xA5);
        File.WriteAllBytes(file, bytes);
        Microsoft.Data.Sqlite.SqliteException refused = Assert.Throws<Microsoft.Data.Sqlite.SqliteException>(Open);
        Assert.Equal(11, refused.SqliteErrorCode);
        Assert.DoesNotContain("\n", refused.Message);

        // And the folder is free again.
        File.Delete(file);
        Open().Dispose();
    }

    private void Change(string sql)
    {
        using SqliteConnection connection = _database.Open();
        connection.Execute(sql);
    }

    private JobDatabase Open() => StoreOptions.Database(_folder);

    private JobStore StoreOf(JobDatabase database) => StoreOptions.Store(database, _folder);

    // A second apart: of the same millisecond, the order would be that of the ids, which is any.
    private string Add(string? key = null, string caller = "", int priority = 0)
    {
        string id = _store.Add(New(key) with { Caller = caller, Priority = priority }, 100)!.Id;
        using SqliteConnection connection = _database.Open();
        connection.Execute("UPDATE jobs SET created = created - 100000 + @later WHERE id = @id", new { id, later = _added++ * 1000 });
        return id;
    }

    private static NewJob New(string? key) => new(Guid.CreateVersion7().ToString(), "{}", key, "hash", Bytes: 7);
}
