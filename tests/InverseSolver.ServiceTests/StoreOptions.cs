using InverseSolver.Service.Audit;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.ServiceTests;

/// <summary>The parts of a store on a folder.</summary>
internal static class StoreOptions
{
    public static IOptions<JobOptions> Of(string folder) => Options.Create(new JobOptions { DataFolder = folder });

    public static JobDatabase Database(string folder) => new(Of(folder), new DiskSpace(Of(folder)));

    public static JobStore Store(JobDatabase database, string folder) => new(database, Of(folder), Trail(database, folder));

    public static AuditTrail Trail(JobDatabase database, string folder) => new(database, Options.Create(new AuditOptions()), Of(folder));

    public static StoreInventory Inventory(JobDatabase database, string folder) => new(Store(database, folder), new JobFolder(Of(folder)));
}
