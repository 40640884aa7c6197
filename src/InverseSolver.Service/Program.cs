using InverseSolver.Service;
using InverseSolver.Service.Access;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Health;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Models;
using InverseSolver.Service.Problems;

try
{
    ConfigurationKeys.CheckArguments(args);
    // appsettings.json is beside the program, not in the working directory.
    var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
    builder.AddApiDefaults();
    builder.Services.AddModels().AddJobs();
    await using WebApplication app = builder.Build();
    StartCheck.Run(app.Services);
    app.UseApiDefaults();
    app.MapJobs();
    app.MapModels();
    app.MapProblems();
    app.MapSessions();
    app.MapKeys();
    Quotas.Map(app);
    app.MapAudit();
    app.MapHealth();
    StartCheck.Listen(app);
    app.WaitForShutdown();
    return Environment.ExitCode;
}
catch (StartRefusedException refused)
{
    Console.Error.WriteLine(refused.Message);
    return refused.ExitCode;
}
catch (InvalidOperationException unreadable) when (unreadable.InnerException is FormatException or ArgumentException)
{
    Console.Error.WriteLine($"Invalid configuration: {unreadable.Message}");
    return 2;
}
catch (InvalidDataException unreadable)
{
    Console.Error.WriteLine($"{unreadable.Message} {unreadable.InnerException?.Message}");
    return 2;
}
