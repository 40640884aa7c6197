using InverseSolver.Service;
using InverseSolver.Service.Access;
using InverseSolver.Service.Health;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Models;
using InverseSolver.Service.Problems;

try
{
    var builder = WebApplication.CreateBuilder(args);
    builder.AddApiDefaults();
    builder.Services.AddModels().AddJobs();
    var app = builder.Build();
    app.UseApiDefaults();
    app.MapJobs();
    app.MapModels();
    app.MapProblems();
    app.MapHealth();
    app.Run();
    return 0;
}
catch (StartRefusedException refused)
{
    Console.Error.WriteLine(refused.Message);
    return 1;
}
