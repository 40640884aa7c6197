using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using Dapper;
using InverseSolver.Service.Access;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Audit;

/// <summary>
/// The audit trail: a chain of records that are only added. Each has an HMAC over itself and the one before, so that a changed, inserted or missing record is
/// found by whoever has the key; records that were cut off at the end are found by a head that was kept elsewhere.
/// </summary>
internal sealed class AuditTrail
{
    /// <summary>The file of the data folder with the key that no option gives.</summary>
    public const string KeyFile = "audit-key";

    /// <summary>The action of a job that failed.</summary>
    public const string JobFailed = "jobFailed";

    // Of the requests of a minute whose sender is not known. Each record is a write, and is kept for years: nobody in particular could fill the disk with them.
    private const int OfNobody = 60;

    private const string Columns = "seq, time, account, action, object, outcome, address, trace, mac";

    private const string Pruned = "pruneAudit", Service = "[service]";

    private readonly JobDatabase _database;
    private readonly byte[] _key;
    private readonly TimeSpan _keep;
    private readonly Lock _lock = new();
    private (long Minute, int Number) _nobody;

    /// <summary>The account of what no request does.</summary>
    public string Actor { get; init; } = Service;

    /// <summary>Opens the trail.</summary>
    /// <param name="database">Where it is.</param>
    /// <param name="options">Its key and how long it is kept.</param>
    /// <param name="jobs">The data folder, where the key lies that no option names.</param>
    public AuditTrail(JobDatabase database, IOptions<AuditOptions> options, IOptions<JobOptions> jobs)
    {
        (_database, _keep) = (database, options.Value.Keep);
        _key = options.Value.Key is { Length: > 0 } given ? Convert.FromBase64String(given) : OwnKey(Path.Combine(jobs.Value.DataFolder, KeyFile));
    }

    /// <summary>Adds a record. When it returns, the record is on the disk.</summary>
    /// <param name="record">The record, without its number and HMAC.</param>
    public void Add(AuditRecord record) => _database.Write(connection =>
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        Append(connection, record);
        transaction.Commit();
        return 0;
    });

    /// <summary>
    /// Adds the record of a request whose sender is not known. Of those within a minute the first ones are recorded, and then the hundredth, the thousandth
    /// and so on, with that number as the object.
    /// </summary>
    /// <param name="record">The record, without its number and HMAC.</param>
    public void AddOfNobody(AuditRecord record)
    {
        int number;
        lock (_lock)
        {
            long minute = record.Time / 60_000;
            _nobody = (minute, number = minute == _nobody.Minute ? _nobody.Number + 1 : 1);
        }

        if (number <= OfNobody) Add(record);
        else if (number is 100 or 1_000 or 10_000 or 100_000 or 1_000_000) Add(record with { Object = $"{number}-within-a-minute" });
    }

    /// <summary>Adds a record of what no request did.</summary>
    /// <param name="action">What was done.</param>
    /// <param name="id">To what.</param>
    public void Add(string action, string? id) => Add(Own(action, id));

    /// <summary>Adds a record of what no request did to the transaction that did it.</summary>
    /// <param name="connection">The connection, in a transaction that writes.</param>
    /// <param name="action">What was done.</param>
    /// <param name="id">To what.</param>
    public void Append(SqliteConnection connection, string action, string? id) => Append(connection, Own(action, id));

    private void Append(SqliteConnection connection, AuditRecord record)
    {
        AuditHead head = Head(connection);
        record = record with { Seq = head.Seq + 1 };
        connection.Execute(
            $"INSERT INTO audit ({Columns}) VALUES (@Seq, @Time, @Account, @Action, @Object, @Outcome, @Address, @Trace, @Mac)",
            record with { Mac = record.MacAfter(_key, head.Mac) });
    }

    /// <summary>True where the newest record was written with this key, or there is none.</summary>
    public bool HasItsKey()
    {
        using SqliteConnection connection = _database.Open();
        List<AuditRecord> last = connection.Query<AuditRecord>($"SELECT {Columns} FROM audit ORDER BY seq DESC LIMIT 2").AsList();
        return last is [] || last[0].MacAfter(_key, last.Count == 2 ? last[1].Mac : Anchor(connection).Mac) == last[0].Mac;
    }

    /// <summary>The newest record.</summary>
    public AuditHead Head()
    {
        using SqliteConnection connection = _database.Open();
        return Head(connection);
    }

    /// <summary>Records, the oldest first.</summary>
    /// <param name="after">Only those with a greater number.</param>
    /// <param name="limit">The most records.</param>
    public IReadOnlyList<AuditRecord> Read(long after, int limit)
    {
        using SqliteConnection connection = _database.Open();
        return connection.Query<AuditRecord>($"SELECT {Columns} FROM audit WHERE seq > @after ORDER BY seq LIMIT @limit", new { after, limit }).AsList();
    }

    /// <summary>Checks the chain from its beginning, or from what was deleted by age, to its end.</summary>
    /// <param name="known">A head that was kept elsewhere: it must be in the chain. Null: none was kept.</param>
    /// <returns>The records that were checked, and the first fault in a sentence; null where there is none.</returns>
    public (long Records, string? Fault) Verify(AuditHead? known)
    {
        using SqliteConnection connection = _database.Open();
        AuditHead before = Anchor(connection), anchor = before;
        // What was deleted by age has a record of that, with the number of the newest that went: without it somebody else deleted.
        bool isKnown = known is null || known.Seq < anchor.Seq || known == anchor, isDeletedByAge = anchor.Seq == 0;
        long records = 0;
        foreach (AuditRecord record in connection.Query<AuditRecord>($"SELECT {Columns} FROM audit ORDER BY seq", buffered: false))
        {
            if (record.Seq != before.Seq + 1) return (records, $"Records {before.Seq + 1} to {record.Seq - 1} are missing.");
            if (record.MacAfter(_key, before.Mac) != record.Mac)
            {
                return (records, $"Record {record.Seq} is not as it was written, or the key is another one.");
            }

            if (known?.Seq == record.Seq)
            {
                if (known.Mac != record.Mac) return (records, $"Record {record.Seq} is not the one whose head was kept.");
                isKnown = true;
            }

            isDeletedByAge |= record.Action == Pruned && record.Object == Text(anchor.Seq);
            records++;
            before = new AuditHead(record.Seq, record.Mac);
        }

        if (!isDeletedByAge) return (records, $"Records 1 to {anchor.Seq} are missing, and were not deleted by age.");
        return (records, isKnown ? null : $"The trail ends with record {before.Seq}: those up to {known!.Seq}, whose head was kept, are missing.");
    }

    /// <summary>
    /// Deletes records whose time is over, once the oldest of them is over for an hour; the chain goes on from the newest of them, and a record says so.
    /// </summary>
    public void Prune()
    {
        long until = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - (long)_keep.TotalMilliseconds;
        using (SqliteConnection connection = _database.Open())
        {
            // Without a turn to write, for which others would wait.
            if (connection.QuerySingleOrDefault<long?>("SELECT time FROM audit ORDER BY seq LIMIT 1") is not { } oldest
                || oldest >= until - (long)TimeSpan.FromHours(1).TotalMilliseconds)
            {
                return;
            }
        }

        _database.Write(connection => Prune(connection, until));
        _database.TruncateSoon();
    }

    private int Prune(SqliteConnection connection, long until)
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        AuditHead? last = connection.QueryFirstOrDefault<AuditHead>(
            "SELECT seq, mac FROM audit WHERE seq < (SELECT COALESCE(MIN(seq), (SELECT MAX(seq) + 1 FROM audit)) FROM audit WHERE time >= @until) "
                + "ORDER BY seq DESC LIMIT 1",
            new { until });
        if (last is not null)
        {
            connection.Execute("DELETE FROM audit_anchor; INSERT INTO audit_anchor (seq, mac) VALUES (@Seq, @Mac)", last);
            connection.Execute("DELETE FROM audit WHERE seq <= @Seq", last);
            Append(connection, Pruned, Text(last.Seq));
        }

        transaction.Commit();
        return 0;
    }

    private static AuditHead Head(SqliteConnection connection) =>
        connection.QueryFirstOrDefault<AuditHead>("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1") ?? Anchor(connection);

    private static AuditHead Anchor(SqliteConnection connection) =>
        connection.QueryFirstOrDefault<AuditHead>("SELECT seq, mac FROM audit_anchor") ?? new AuditHead(0, "");

    private AuditRecord Own(string action, string? id) => new()
    {
        Time = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        Account = Actor,
        Action = action,
        Object = id,
        Outcome = action == JobFailed ? StatusCodes.Status500InternalServerError : StatusCodes.Status200OK,
        Trace = ErrorMap.TraceId,
    };

    private static string Text(long seq) => seq.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static byte[] OwnKey(string file)
    {
        if (!File.Exists(file))
        {
            using var stream = new FileStream(file, JobFolder.NewFile());
            stream.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))));
            stream.Flush(flushToDisk: true);
        }

        try
        {
            return Convert.FromBase64String(File.ReadAllText(file).Trim());
        }
        catch (FormatException)
        {
            throw new StartRefusedException($"{file} is not the key of the audit trail: restore it, or give the key by Audit:Key.", 2);
        }
    }
}

/// <summary>The audit trail.</summary>
internal sealed class AuditOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Audit";

    /// <summary>The key of the trail's HMACs, Base64 of 32 bytes or more; absent: a random one, in the file <c>audit-key</c> of the data folder.</summary>
    [Base64String, MinLength(44)] public string? Key { get; init; }

    /// <summary>The time for which records are kept.</summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "36500.00:00:00")] public TimeSpan Keep { get; init; } = TimeSpan.FromDays(3650);
}

/// <summary>Checks the options at start-up.</summary>
[OptionsValidator]
internal sealed partial class AuditOptionsValidator : IValidateOptions<AuditOptions>;
