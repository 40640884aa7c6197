using Dapper;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Service.Storage;
using Microsoft.Data.Sqlite;

namespace InverseSolver.Service.Estimates;

/// <summary>The stored times of models' calls.</summary>
internal sealed class CallTimeStore(JobDatabase database)
{
    /// <summary>The times of a model on a device.</summary>
    /// <param name="model">Its id and hash.</param>
    /// <param name="device">The device and its threads.</param>
    public CallTimes Find(string model, string device)
    {
        using SqliteConnection connection = database.Open();
        return new CallTimes([.. connection.Query<Row>("SELECT * FROM call_times WHERE model = @model AND device = @device", new { model, device })
            .Select(row => new CallTime(Enum.Parse<CallKind>(row.Kind), (int)row.Items, (int)row.Height, (int)row.Width, row.Seconds, (int)row.Calls))]);
    }

    /// <summary>Adds times. One that is there already becomes the mean of both, so that old ones count less and less.</summary>
    /// <param name="model">The model's id and hash.</param>
    /// <param name="device">The device and its threads.</param>
    /// <param name="times">The times.</param>
    public void Add(string model, string device, IReadOnlyList<CallTime> times) => database.Write(connection =>
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        int added = connection.Execute(
            """
            INSERT INTO call_times (model, device, kind, items, height, width, seconds, calls)
            VALUES (@model, @device, @kind, @Items, @Height, @Width, @Seconds, @Calls)
            ON CONFLICT DO UPDATE SET seconds = (seconds + excluded.seconds) / 2, calls = calls + excluded.calls
            """,
            times.Select(time => new { model, device, kind = time.Kind.ToString(), time.Items, time.Height, time.Width, time.Seconds, time.Calls }),
            transaction);
        transaction.Commit();
        return added;
    });

    private sealed record Row
    {
        public string Kind { get; init; } = "";

        public long Items { get; init; }

        public long Height { get; init; }

        public long Width { get; init; }

        public double Seconds { get; init; }

        public long Calls { get; init; }
    }
}
