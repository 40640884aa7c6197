using InverseSolver.Service;
using InverseSolver.Service.Access;
using InverseSolver.Service.Health;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Models;
using InverseSolver.Service.Problems;
using Microsoft.AspNetCore.Connections;

try
{
    // appsettings.json lies beside the program, whatever the working directory is.
    var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
    builder.AddApiDefaults();
    builder.Services.AddModels().AddJobs();
    var app = builder.Build();
    StartCheck.Run(app.Services);
    app.UseApiDefaults();
    app.MapJobs();
    app.MapModels();
    app.MapProblems();
    app.MapHealth();
    app.Run();
    return Environment.ExitCode;
}
catch (StartRefusedException refused)
{
    Console.Error.WriteLine(refused.Message);
    return refused.ExitCode;
}
catch (IOException error) when (error.InnerException is AddressInUseException)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}
