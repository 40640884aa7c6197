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

    static JobDatabase()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
    }

    /// <summary>Opens the database, and creates it or brings its schema up to date.</summary>
    /// <param name="options">The data folder.</param>
    public JobDatabase(IOptions<JobOptions> options)
    {
        string folder = Path.GetFullPath(options.Value.DataFolder);
        Directory.CreateDirectory(folder);
        try
        {
            _folderLock = new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (error.HResult == Busy)
        {
            throw new StartRefusedException($"Another process uses the data folder {folder} (Jobs:DataFolder); a folder can be used by one process only.");
        }

        _connectionString = new SqliteConnectionStringBuilder
        {
            DataSource = Path.Combine(folder, "jobs.db"),
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
            Migrate(connection);
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
        connection.Execute("PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL;");
        return connection;
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

    private static void Migrate(SqliteConnection connection)
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
