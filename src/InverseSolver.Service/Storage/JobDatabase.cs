using System.Globalization;
using Dapper;
using InverseSolver.Service.Access;
using InverseSolver.Service.Jobs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace InverseSolver.Service.Storage;

/// <summary>The SQLite file, its schema, and the lock of the data folder against a second process.</summary>
internal sealed class JobDatabase : IDisposable
{
    // The system's error where another process has the lock.
    private const int Busy = 11;

    private const int SqliteDamaged = 11;

    private const string Partial = ".part";

    private static readonly TimeSpan TruncationDelay = TimeSpan.FromSeconds(1);

    private readonly string _connectionString;
    private readonly FileStream _folderLock;
    private readonly DiskSpace _disk;
    private readonly string _file;
    private readonly Timer _truncation;

    // SQLite allows one writer at a time; others would sleep, retry, and might fail at the busy timeout. There is no other process.
    private readonly Lock _writing = new();

    private volatile bool _isTruncating;
    private bool _isDisposed;

    static JobDatabase()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
    }

    /// <summary>Opens the database, and creates it or brings its schema up to date.</summary>
    /// <param name="options">The data folder.</param>
    /// <param name="disk">The reserve of its disk.</param>
    public JobDatabase(IOptions<JobOptions> options, DiskSpace disk)
    {
        _disk = disk;
        _truncation = new Timer(_ => Truncate());
        string folder = Path.GetFullPath(options.Value.DataFolder);
        JobFolder.Create(folder);
        try
        {
            FileStreamOptions held = JobFolder.NewFile();
            (held.Mode, held.Access) = (FileMode.OpenOrCreate, FileAccess.ReadWrite);
            _folderLock = new FileStream(Path.Combine(folder, "lock"), held);
        }
        catch (IOException error) when (error.HResult == Busy)
        {
            throw new StartRefusedException(
                $"Another process uses the data folder {folder} (Jobs:DataFolder); a folder can be used by one process only: end that process first.", 2);
        }

        _file = Path.Combine(folder, "jobs.db");
        _connectionString = new SqliteConnectionStringBuilder
        {
            DataSource = _file,
            DefaultTimeout = 10,
        }.ToString();
        try
        {
            CheckKinds(folder);
            foreach (string partial in Copies().Where(copy => copy.EndsWith(Partial, StringComparison.Ordinal))) File.Delete(partial);

            // SQLite gives its other files the access that this one has.
            if (!File.Exists(_file)) new FileStream(_file, JobFolder.NewFile()).Dispose();
            using SqliteConnection connection = Open();
            connection.Execute("PRAGMA journal_mode = WAL;");
            if (connection.ExecuteScalar<string>("PRAGMA quick_check(1)") is not "ok" and var damage)
            {
                throw new SqliteException($"it is damaged: {damage?.Split('\n')[^1]}", SqliteDamaged);
            }

            // A read-only file fails here, and not at the first submission.
            connection.Execute("BEGIN IMMEDIATE; COMMIT;");
            Migrate(connection);
            TruncateSoon();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A connection from the pool.</summary>
    public SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
        return connection;
    }

    /// <summary>Changes the database, one caller after the other. On a full disk the change is tried again with the reserve.</summary>
    /// <param name="act">Does it, in one statement or one transaction.</param>
    public T Write<T>(Func<SqliteConnection, T> act)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = Open();
        try
        {
            return act(connection);
        }
        catch (SqliteException error) when (DiskSpace.IsFull(error) && _disk.SpendReserve())
        {
            return act(connection);
        }
    }

    /// <summary>Removes what was deleted from the write-ahead log as well, within seconds: until then the log has the pages of before.</summary>
    public void TruncateSoon()
    {
        if (_isTruncating || _isDisposed) return;
        _isTruncating = true;
        _truncation.Change(TruncationDelay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Deletes the copies of older schemas that have been kept long enough.</summary>
    /// <param name="kept">The time for which they are kept.</param>
    public void DeleteCopies(TimeSpan kept)
    {
        foreach (string copy in Copies())
        {
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(copy) > kept) File.Delete(copy);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_writing)
        {
            _isDisposed = true;
            _truncation.Dispose();
        }

        using (var connection = new SqliteConnection(_connectionString))
        {
            SqliteConnection.ClearPool(connection);
        }

        _folderLock.Dispose();
    }

    // The system would say that the file exists, or nothing before the first job.
    private void CheckKinds(string folder)
    {
        if (Directory.Exists(_file))
        {
            throw new StartRefusedException($"{_file} is a folder, and must be the database: move it away, or name another data folder (Jobs:DataFolder).", 2);
        }

        foreach (string path in JobFolder.Roots.Select(name => Path.Combine(folder, name)).Where(File.Exists))
        {
            throw new StartRefusedException(
                $"{path} is a file, and must be a folder for the files of jobs: move it away, or name another data folder (Jobs:DataFolder).", 2);
        }
    }

    private string[] Copies() => Directory.GetFiles(Path.GetDirectoryName(_file)!, Path.GetFileName(_file) + ".schema-*");

    // Writers wait meanwhile, so it waits for readers for a moment only. Where one is busy for longer, it is tried again.
    private void Truncate()
    {
        lock (_writing)
        {
            if (_isDisposed) return;
            _isTruncating = false;
            try
            {
                using SqliteConnection connection = Open();
                connection.Execute("PRAGMA busy_timeout = 20");
                if (connection.ExecuteScalar<long>("PRAGMA wal_checkpoint(TRUNCATE)") != 0) TruncateSoon();
            }
            catch (SqliteException)
            {
                TruncateSoon();
            }
        }
    }

    private void Migrate(SqliteConnection connection)
    {
        connection.Execute(
            "CREATE TABLE IF NOT EXISTS migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, "
                + "applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
        long known = connection.ExecuteScalar<long>("SELECT CAST(COALESCE(MAX(version), 0) AS INTEGER) FROM migrations");
        string[] scripts = [.. typeof(JobDatabase).Assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        if (known > scripts.Length)
        {
            throw new StartRefusedException(
                $"The database was written by a newer version of this service (schema {known}; this version supports up to {scripts.Length}): "
                    + "start that version, or put the copy jobs.db.schema-N that it left in the place of jobs.db.", 2);
        }

        // What an older version wrote stays beside it, so that this upgrade can be undone.
        if (known > 0 && known < scripts.Length) Copy(connection, $"{_file}.schema-{known}");

        foreach (string name in scripts)
        {
            int version = int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture);
            if (version <= known)
            {
                continue;
            }

            using var reader = new StreamReader(typeof(JobDatabase).Assembly.GetManifestResourceStream(name)!);
            using SqliteTransaction transaction = connection.BeginTransaction();
            connection.Execute(reader.ReadToEnd(), transaction: transaction);
            connection.Execute("INSERT INTO migrations (version, name) VALUES (@version, @name)", new { version, name }, transaction);
            transaction.Commit();
        }
    }

    // It appears complete or not at all. One that is there was made by an upgrade that did not come to its end, and is replaced.
    private static void Copy(SqliteConnection connection, string copy)
    {
        string partial = copy + Partial;
        try
        {
            new FileStream(partial, JobFolder.NewFile()).Dispose();
            connection.Execute("VACUUM INTO @partial", new { partial });
            using (SafeFileHandle file = File.OpenHandle(partial, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(file);
            File.Move(partial, copy, overwrite: true);
            FolderFlush.ToDisk(Path.GetDirectoryName(copy)!);
        }
        finally
        {
            File.Delete(partial);
        }
    }
}
