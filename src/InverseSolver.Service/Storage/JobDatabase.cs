using System.Globalization;
using Dapper;
using InverseSolver.Service.Access;
using InverseSolver.Service.Jobs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Storage;

/// <summary>The SQLite file, its schema, and the lock of the data folder against a second process.</summary>
internal sealed class JobDatabase : IDisposable
{
    // The system's error where another process has the lock.
    private const int Busy = 11;

    private const int SqliteDamaged = 11;

    private readonly string _connectionString;
    private readonly FileStream _folderLock;
    private readonly DiskSpace _disk;

    // SQLite allows one writer at a time; others would sleep, retry, and might fail at the busy timeout. There is no other process.
    private readonly Lock _writing = new();

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
        string folder = Path.GetFullPath(options.Value.DataFolder);
        JobFolder.Create(folder);
        try
        {
            _folderLock = new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (error.HResult == Busy)
        {
            throw new StartRefusedException(
                $"Another process uses the data folder {folder} (Jobs:DataFolder); a folder can be used by one process only: end that process first.", 2);
        }

        // SQLite gives its other files the access that this one has.
        string file = Path.Combine(folder, "jobs.db");
        if (!File.Exists(file)) new FileStream(file, JobFolder.NewFile()).Dispose();

        _connectionString = new SqliteConnectionStringBuilder
        {
            DataSource = file,
            DefaultTimeout = 10,
        }.ToString();
        try
        {
            using SqliteConnection connection = Open();
            connection.Execute("PRAGMA journal_mode = WAL;");
            if (connection.ExecuteScalar<string>("PRAGMA quick_check(1)") is not "ok" and var damage)
            {
                throw new SqliteException($"it is damaged: {damage?.Split('\n')[^1]}", SqliteDamaged);
            }

            // A read-only file fails here, and not at the first submission.
            connection.Execute("BEGIN IMMEDIATE; COMMIT;");
            Migrate(connection, file);
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

    /// <inheritdoc/>
    public void Dispose()
    {
        using (var connection = new SqliteConnection(_connectionString))
        {
            SqliteConnection.ClearPool(connection);
        }

        _folderLock.Dispose();
    }

    private static void Migrate(SqliteConnection connection, string file)
    {
        connection.Execute(
            "CREATE TABLE IF NOT EXISTS migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, "
                + "applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
        int known = connection.ExecuteScalar<int>("SELECT COALESCE(MAX(version), 0) FROM migrations");
        string[] scripts = [.. typeof(JobDatabase).Assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        if (known > scripts.Length)
        {
            throw new StartRefusedException(
                $"The database was written by a newer version of this service (schema {known}; this version supports up to {scripts.Length}).");
        }

        // What an older version wrote stays beside it, so that this upgrade can be undone.
        if (known > 0 && known < scripts.Length && $"{file}.schema-{known}" is var copy && !File.Exists(copy))
        {
            new FileStream(copy, JobFolder.NewFile()).Dispose();
            connection.Execute("VACUUM INTO @copy", new { copy });
        }

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
}
