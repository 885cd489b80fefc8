import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Asks what programs on JDBC ask, one line of answer a question: NAME<tab>ROWS… */
public final class Catalogue {
    public static void main(String[] arguments) throws Exception {
        try (Connection connection = DriverManager.getConnection(arguments[0], "me", "")) {
            DatabaseMetaData told = connection.getMetaData();
            tell("tables", told.getTables(null, "public", "%", new String[] {"VIEW", "TABLE"}), "TABLE_NAME");
            tell("columns", told.getColumns(null, "public", "links", "%"), "COLUMN_NAME", "TYPE_NAME");
            tell("own", told.getTables(null, "own", "%", new String[] {"TABLE"}), "TABLE_NAME", "TABLE_TYPE");
            tell("own_columns", told.getColumns(null, "own", "visits", "%"), "COLUMN_NAME", "TYPE_NAME");
            tell("keys", told.getPrimaryKeys(null, "public", "links"), "COLUMN_NAME");
            tell("indexes", told.getIndexInfo(null, "public", "links", false, false), "INDEX_NAME");
            tell("imported", told.getImportedKeys(null, "public", "links"), "FKCOLUMN_NAME");
            tell("types", told.getTypeInfo(), "TYPE_NAME");
            tell("schemas", told.getSchemas(), "TABLE_SCHEM");
            tell("catalogs", told.getCatalogs(), "TABLE_CAT");
            tell("functions", told.getFunctions(null, "public", "%"), "FUNCTION_NAME");
            tell("privileges", told.getTablePrivileges(null, "public", "links"), "PRIVILEGE");
            String sql = "SELECT source_domain, first_seen, link_id, is_live FROM links WHERE source_domain = ? AND times_lost < ?";
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                // From the fifth run on the driver names the statement and asks for binary.
                for (int run = 0; run < 8; run++) {
                    statement.setString(1, "site-" + run % 3 + ".example");
                    statement.setInt(2, 5);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        System.out.println("prepared\t" + rows.getString(1) + " " + rows.getTimestamp(2).toInstant() + " "
                            + (rows.getBigDecimal(3).signum() > 0) + " " + rows.getBoolean(4));
                    }
                }
            }
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(1000);
                long sum = 0;
                try (ResultSet rows = statement.executeQuery("SELECT range FROM range(10500)")) {
                    while (rows.next()) {
                        sum += rows.getLong(1);
                    }
                }
                System.out.println("fetched\t" + sum);
            }
            connection.commit();
        }
    }

    private static void tell(String name, ResultSet rows, String... columns) throws Exception {
        List<String> cells = new ArrayList<>();
        while (rows.next()) {
            List<String> one = new ArrayList<>();
            for (String column : columns) {
                one.add(rows.getString(column));
            }
            cells.add(String.join(":", one));
        }
        System.out.println(name + "\t" + String.join(" ", cells));
    }
}
