using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Problems;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>The OpenAPI document and Swagger UI, generated from the code.</summary>
internal static class ApiDocumentation
{
    /// <summary>The names of the ways in which a request says who sends it. A client certificate is none: it belongs to the connection.</summary>
    public static readonly string[] Schemes = [CallerKey, BearerToken];

    private const string CallerKey = "callerKey", BearerToken = "bearerToken";

    // Of several media types of an answer, Swagger UI shows application/json as chosen, wherever it stands in the list; the first one is the default.
    private const string FirstMediaType = """
        function FirstMediaType() {
          return { statePlugins: { spec: { wrapSelectors: { currentProducesFor: (original, system) => (state, operation) =>
            state.getIn(['meta', 'paths', ...operation, 'produces_value'])
              || system.specSelectors.specJson().getIn(['paths', ...operation, 'responses', '200', 'content'])?.keySeq().first()
              || original(state, operation) } } } };
        }
        """;

    /// <summary>Adds the generator.</summary>
    public static void AddApiDocumentation(this IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen(swagger =>
        {
            swagger.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "InverseSolver",
                Version = "v1",
                Contact = new OpenApiContact { Name = "The contributors of InverseSolver" },
                License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
                Description =
                    "Solves imaging inverse problems with pretrained latent diffusion models, as asynchronous jobs. "
                    + "Every error that the service itself answers is problem+json with a stable `code` and, where one is to blame, the `field`. "
                    + "A service that asks who sends a request takes a key, a token, or the client certificate of its connection, "
                    + "and the account must have the operation's scope.",
            });
            swagger.AddSecurityDefinition(CallerKey, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = Access.ApiKeys.Header,
                Description = "A key of this service; `Authorization: Bearer` takes it too.",
            });
            swagger.AddSecurityDefinition(BearerToken, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "A token of the issuer that the service trusts (`Oidc`), or a key of this service.",
            });
            foreach (string file in XmlDocs.Files)
            {
                swagger.IncludeXmlComments(file);
            }

            swagger.SupportNonNullableReferenceTypes();
            swagger.NonNullableReferenceTypesAsRequired();
            swagger.MapType<JsonObject>(() => new OpenApiSchema { Type = JsonSchemaType.Object });
            swagger.UseAllOfForInheritance();
            swagger.SelectSubTypesUsing(type => Kinds(type).Select(kind => kind.Type));
            swagger.SelectDiscriminatorNameUsing(type => type.GetCustomAttribute<JsonPolymorphicAttribute>(inherit: false)?.TypeDiscriminatorPropertyName);
            swagger.SelectDiscriminatorValueUsing(Discriminator);
            swagger.SchemaFilter<SchemaDetails>();
            swagger.OperationFilter<OperationDetails>();
            swagger.DocumentFilter<DocumentDetails>();
        });
    }

    /// <summary>Serves the document and the UI, to which the root redirects.</summary>
    public static void UseApiDocumentation(this WebApplication app)
    {
        app.UseSwagger(swagger => swagger.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1);
        app.UseSwaggerUI(ui =>
        {
            ui.DocumentTitle = "InverseSolver";
            ui.DisplayRequestDuration();
            ui.HeadContent = $"<script>{FirstMediaType}</script>";
            ui.ConfigObject.Plugins = [nameof(FirstMediaType)];
        });
        app.MapGet("/", static () => TypedResults.LocalRedirect("/swagger")).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>The type discriminator of a derived record.</summary>
    /// <param name="type">The derived record.</param>
    public static string? Discriminator(Type type) => type.BaseType is { } parent ? Kinds(parent).FirstOrDefault(kind => kind.Type == type).Name : null;

    /// <summary>The records that derive from a type, with the words that tell them apart.</summary>
    public static IEnumerable<(string Name, Type Type)> Kinds(Type type) => type == typeof(Problem)
        ? Problem.Kinds.Select(kind => (kind.Name, kind.Type))
        : type.GetCustomAttributes<JsonDerivedTypeAttribute>(inherit: false).Select(derived => ((string)derived.TypeDiscriminator!, derived.DerivedType));
}
